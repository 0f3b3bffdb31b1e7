"""Runs a child process and passes on its output line by line.

When the caller is cancelled or the time is over, the module kills the child and all its children.
"""

import asyncio
import ctypes
import os
import shlex
import signal
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from dockrev.errors import ComposeError

MAX_LINE_LENGTH = 8 * 1024 * 1024
MAX_OUTPUT_LENGTH = 32 * 1024 * 1024

_GRACE_SECONDS = 2.0
_LIBC = ctypes.CDLL(None)
_PR_SET_PDEATHSIG = 1
"""prctl(2)"""


class Stream(Enum):
    OUT = "stdout"
    ERR = "stderr"


OnLine = Callable[[Stream, str], None]


@dataclass(frozen=True, slots=True)
class Command:
    words: tuple[str, ...]
    environment: Mapping[str, str]
    """The whole environment apart from `PWD`. The child inherits nothing else."""
    directory: Path
    """Also the value of `PWD`, as in a shell: Compose files may use `${PWD}`, and it may be a symlink."""
    timeout_seconds: float

    def __str__(self) -> str:
        return shlex.join(self.words)


@dataclass(frozen=True, slots=True)
class Finished:
    code: int
    """The exit code. Negative: the number of the signal that killed the child."""
    out: str
    err: str


async def collect(command: Command) -> Finished:
    lines: dict[Stream, list[str]] = {stream: [] for stream in Stream}
    code = await run(command, lambda stream, line: lines[stream].append(line))
    return Finished(code, "\n".join(lines[Stream.OUT]), "\n".join(lines[Stream.ERR]))


async def run(command: Command, on_line: OnLine) -> int:
    """Returns the exit code. Raises ComposeError on a failed start, a timeout and too much output."""
    child = await _start(command)
    finished = False
    try:
        async with asyncio.timeout(command.timeout_seconds):
            await _read(child, on_line)
            code = await child.wait()
        finished = True
    except TimeoutError as error:
        raise ComposeError(f"`{command}` was ended after {command.timeout_seconds:g} seconds.") from error
    finally:
        if not finished:
            await _kill(child)
    return code


async def _start(command: Command) -> Process:
    """Waits for the start even when cancelled: asyncio would hang and leave the child's children running."""
    starting = asyncio.ensure_future(_spawn(command))
    try:
        return await asyncio.shield(starting)
    except asyncio.CancelledError:
        await asyncio.wait({starting})
        if starting.exception() is None:
            await _kill(starting.result())
        raise


async def _spawn(command: Command) -> Process:
    if any("\0" in word for word in command.words):  # uvloop would cut the word there
        raise ComposeError(f"`{command}` cannot be started: it holds a NUL.")
    try:
        return await asyncio.create_subprocess_exec(
            *command.words,
            stdin=DEVNULL,
            stdout=PIPE,
            stderr=PIPE,
            limit=MAX_LINE_LENGTH,
            env={**command.environment, "PWD": str(command.directory)},
            cwd=command.directory,
            start_new_session=True,
            preexec_fn=_die_with_server,
        )
    except (OSError, ValueError) as error:  # ValueError: a NUL in the directory
        raise ComposeError(f"`{command}` cannot be started: {error}") from error


def _die_with_server() -> None:
    """Runs in the child. The kernel kills it with the server, so it cannot disturb the next server."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


async def _read(child: Process, on_line: OnLine) -> None:
    try:
        async with asyncio.TaskGroup() as readers:
            for stream, pipe in ((Stream.OUT, child.stdout), (Stream.ERR, child.stderr)):
                if pipe is not None:
                    readers.create_task(_read_lines(pipe, stream, on_line))
    except ExceptionGroup as group:
        raise group.exceptions[0] from group


async def _read_lines(pipe: asyncio.StreamReader, stream: Stream, on_line: OnLine) -> None:
    length = 0
    try:
        while line := await pipe.readline():
            length += len(line)
            if length > MAX_OUTPUT_LENGTH:
                raise ComposeError(f"It printed more than {MAX_OUTPUT_LENGTH} bytes and was ended.")
            on_line(stream, line.decode("utf-8", "replace").rstrip("\r\n"))
    except ValueError as error:  # asyncio raises it for a line above its limit
        raise ComposeError(
            f"It printed a line of more than {MAX_LINE_LENGTH} bytes and was ended."
        ) from error


async def _kill(child: Process) -> None:
    """Sends SIGTERM to the group, then SIGKILL. A second cancellation only shortens the wait between them."""
    try:
        await _signal(child, signal.SIGTERM)
    finally:
        await _signal(child, signal.SIGKILL)


async def _signal(child: Process, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(child.pid, number)
    with suppress(TimeoutError):
        async with asyncio.timeout(_GRACE_SECONDS):
            await child.communicate()  # unread output would keep the pipes open
