"""Runs servers as child processes. A child prints a JSON line when it listens, and ends with its parent."""

import argparse
import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import orjson
import uvloop

ROOT = Path(__file__).resolve().parents[1]
READY_SECONDS = 30
STOP_SECONDS = 10

Serving = Callable[[], AbstractAsyncContextManager[str]]
"""Listens while the block runs. Gives the address."""


class ChildFailed(Exception):
    """A server process did not start, or ended with an error."""


def add_child_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--cpu", type=int, help="run on this core only")
    parser.add_argument("--attached", action="store_true", help="stop when standard input closes")


def serve_as_child(serving: Serving, parsed: argparse.Namespace) -> None:
    """Runs until SIGINT, SIGTERM or, when attached, the end of standard input."""
    if parsed.cpu is not None:
        os.sched_setaffinity(0, {parsed.cpu})
    uvloop.run(_serve(serving, attached=parsed.attached))


async def _serve(serving: Serving, *, attached: bool) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    if attached:
        loop.add_reader(sys.stdin.fileno(), stopped.set)
    async with serving() as address:
        print(orjson.dumps({"address": address}).decode(), flush=True)
        await stopped.wait()


@asynccontextmanager
async def child(module: str, arguments: Sequence[str], cpu: int | None = None) -> AsyncIterator[str]:
    """Runs `python -m module` attached to this process. Gives its address. Raises ChildFailed."""
    pinned = [] if cpu is None else ["--cpu", str(cpu)]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        module,
        *arguments,
        *pinned,
        "--attached",
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield await _address(module, process)
    finally:
        await _stop(process)


async def _address(module: str, process: asyncio.subprocess.Process) -> str:
    if process.stdout is None:
        raise ChildFailed(f"{module} has no output to read its address from")
    try:
        async with asyncio.timeout(READY_SECONDS):
            line = await process.stdout.readline()
    except TimeoutError as late:
        raise ChildFailed(f"{module} did not listen within {READY_SECONDS} s") from late
    if not line:
        raise ChildFailed(f"{module} ended with code {await process.wait()} before it listened")
    return str(orjson.loads(line)["address"])


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.stdin is not None:
        process.stdin.close()
    try:
        async with asyncio.timeout(STOP_SECONDS):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


def spare_cpu() -> int | None:
    """The core for servers, so that the measured program has another core. None on a single core."""
    cores = sorted(os.sched_getaffinity(0))
    return cores[-1] if len(cores) > 1 else None
