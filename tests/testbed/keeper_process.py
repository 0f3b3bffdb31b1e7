"""
The process that owns everything that a testbed starts: `python -m tests.testbed.keeper_process DIR LOCK_FD`.

It runs as long as a client is connected to `DIR/keeper.sock`. When the last client leaves or is killed, it
kills its children and cleans up the directory. If it is killed itself, the kernel kills the children (parent
death signal), and the next testbed cleans up.
"""

import asyncio
import ctypes
import json
import os
import signal
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from tests.testbed.leftovers import sweep

_FIRST_CLIENT_SECONDS = 10


class _Children:
    """The child processes by name. Each has its own process group and writes its output to a file."""

    def __init__(self) -> None:
        self._processes: dict[str, asyncio.subprocess.Process] = {}

    async def start(self, name: str, argv: list[str], log: str) -> None:
        output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            self._processes[name] = await asyncio.create_subprocess_exec(
                *("setpriv", "--pdeathsig", "KILL", "--", *argv),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        finally:
            os.close(output)

    def running(self, name: str) -> bool:
        process = self._processes.get(name)
        return process is not None and process.returncode is None

    async def stop(self, name: str, patience_seconds: float) -> None:
        """Sends SIGTERM and waits for `patience_seconds`, then kills the whole process group."""
        process = self._processes.get(name)
        if process is None:
            return
        if patience_seconds:
            self._signal(process, signal.SIGTERM)
        try:
            async with asyncio.timeout(patience_seconds):
                await process.wait()
        except TimeoutError:
            self._signal(process, signal.SIGKILL)
            await process.wait()
        await _bury(process.pid)

    async def kill_all(self) -> None:
        async with asyncio.TaskGroup() as group:
            for name in self._processes:
                group.create_task(self.stop(name, 0))

    def _signal(self, process: asyncio.subprocess.Process, number: signal.Signals) -> None:
        if process.returncode is None:
            os.killpg(process.pid, number)


async def _bury(group: int) -> None:
    """Waits for the rest of a process group. The first process of a namespace ends after all others in it."""
    with suppress(ChildProcessError):
        while True:
            await asyncio.to_thread(os.waitpid, -group, 0)


def _adopt_orphans() -> None:
    """Makes orphaned grandchildren children of this process, so that it can wait for them."""
    set_child_subreaper = 36  # prctl(2)
    ctypes.CDLL(None).prctl(set_child_subreaper, 1, 0, 0, 0)


class _KeeperProcess:
    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._children = _Children()
        self._clients: set[asyncio.StreamWriter] = set()
        self._visited = asyncio.Event()
        self._over = asyncio.Event()

    async def run(self) -> None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, self._over.set)
        socket = self._directory / "keeper.sock"
        server = await asyncio.start_unix_server(self._serve, socket)
        self._say_ready()
        await self._until_abandoned()
        server.close()
        socket.unlink(missing_ok=True)
        await self._children.kill_all()
        sweep(self._directory)

    def _say_ready(self) -> None:
        """Closes the output, because the process that started this one reads it until then."""
        os.write(1, b"ready\n")
        with (self._directory / "keeper.log").open("ab") as log:
            os.dup2(log.fileno(), 1)
            os.dup2(log.fileno(), 2)

    async def _until_abandoned(self) -> None:
        try:
            async with asyncio.timeout(_FIRST_CLIENT_SECONDS):
                await self._visited.wait()
        except TimeoutError:
            return
        await self._over.wait()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._over.is_set():
            writer.close()
            return
        self._clients.add(writer)
        self._visited.set()
        try:
            await self._converse(reader, writer)
        except ConnectionError:
            pass  # a client that is killed in the middle of a request has left too
        finally:
            self._part(writer)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            answer = await self._answer(json.loads(line))
            writer.write(json.dumps(answer).encode() + b"\n")
            await writer.drain()

    def _part(self, writer: asyncio.StreamWriter) -> None:
        """Removes a client. The connection of the last client stays open until this process ends."""
        self._clients.discard(writer)
        if not self._clients:
            os.dup(writer.get_extra_info("socket").fileno())
            self._over.set()
        writer.close()

    async def _answer(self, request: Mapping[str, str]) -> Mapping[str, str | bool]:
        try:
            match request["do"]:
                case "start":
                    await self._children.start(request["name"], json.loads(request["argv"]), request["log"])
                case "stop":
                    await self._children.stop(request["name"], float(request["patience_seconds"]))
            return {"running": self._children.running(request["name"])}
        except OSError as error:
            return {"error": str(error)}


def main() -> None:
    directory, lock = Path(sys.argv[1]), int(sys.argv[2])
    os.set_inheritable(lock, False)
    _adopt_orphans()
    asyncio.run(_KeeperProcess(directory).run())


if __name__ == "__main__":
    main()
