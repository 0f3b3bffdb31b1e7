"""Runs Dockrev as operators do: a process that tests see only by its port, its log and its exit code."""

import asyncio
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import aiohttp

from tests.e2e.api import Api
from tests.processes import fork_server
from tests.processes.fork_server import ForkedProcess
from tests.storage import migrated
from tests.testbed.bed import Bed
from tests.testbed.engine import Engine
from tests.testbed.requirements import COMPOSE_V2

_TIMEOUT_SECONDS = 30.0
_LOOK_AGAIN_SECONDS = 0.05
_PORTS = range(20000, 32000)
"""The kernel gives no such port to an outgoing connection, so it is still free when the server opens it."""


class ServerEnded(Exception):
    """The server ended unexpectedly. The message contains the exit code and the log."""


class ServerProcess:
    """A server that can be started and killed repeatedly. It keeps its database."""

    def __init__(self, directory: Path, docker_host: str, **settings: str) -> None:
        """`settings` are additional environment variables. The server inherits only PATH."""
        self.directory = directory
        self.db_path = Path(settings.pop("DOCKREV_DB_PATH", directory / "data" / "dockrev.sqlite3"))
        self.port = free_port()
        self.env = environment(directory, docker_host) | {
            "DOCKREV_HTTP_ADDR": f"127.0.0.1:{self.port}",
            "DOCKREV_DB_PATH": str(self.db_path),
            **settings,
        }
        self.command_prefix: tuple[str, ...] = ()
        """A command that runs the server's command, such as `unshare`."""
        self._log = directory / "server.log"
        self._process: subprocess.Popen[bytes] | ForkedProcess | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self, *, preloaded: bool = True) -> None:
        """Starts the process and returns at once. `serving` and `ready` wait for it.

        `preloaded`: fork a process that has imported Dockrev, instead of running `python -m dockrev`.
        """
        with self._log.open("ab") as output:
            if preloaded and not self.command_prefix:
                file = output.fileno()
                self._process = fork_server.start(self.env, self.directory, "serve", stdout=file, stderr=file)
            else:
                self._process = self._run_python(output.fileno())

    async def started(self, *, preloaded: bool = True) -> None:
        """Starts the server and returns when it is ready."""
        self.start(preloaded=preloaded)
        await self.ready()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """The server is ready when the block begins, and killed when the block ends."""
        try:
            await self.started()
            yield
        finally:
            self.close()

    async def ready(self) -> None:
        await self._until_answered("/api/ready")

    async def serving(self) -> None:
        """Returns when the server answers, ready or not."""
        await self._until_answered("/api/health")

    @asynccontextmanager
    async def api(self) -> AsyncIterator[Api]:
        async with aiohttp.ClientSession(self.url, timeout=aiohttp.ClientTimeout(60)) as session:
            yield Api(session)

    def kill(self) -> None:
        """Sends SIGKILL, so that no handler runs, as after a power failure."""
        process = self._require_process()
        process.kill()
        process.wait(_TIMEOUT_SECONDS)

    @property
    def pid(self) -> int:
        return self._require_process().pid

    def send(self, number: signal.Signals) -> None:
        self._require_process().send_signal(number)

    def terminate(self) -> None:
        self.send(signal.SIGTERM)

    async def ended(self) -> int:
        """Waits for the end of the process, and returns its exit code."""
        return await asyncio.to_thread(self._require_process().wait, _TIMEOUT_SECONDS)

    async def stop(self) -> int:
        self.terminate()
        return await self.ended()

    def close(self) -> None:
        """Kills the server if it runs. For the end of a fixture."""
        if self._process is not None and self._process.poll() is None:
            self.kill()

    def logs(self) -> str:
        """The log of all starts."""
        return self._log.read_text(errors="replace")

    def _run_python(self, output: int) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [*self.command_prefix, sys.executable, "-m", "dockrev", "serve"],
            cwd=self.directory,
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )

    def _require_process(self) -> subprocess.Popen[bytes] | ForkedProcess:
        assert self._process is not None, "start it first"
        return self._process

    async def _until_answered(self, path: str) -> None:
        deadline = time.monotonic() + _TIMEOUT_SECONDS
        last_answer = "no answer"
        async with aiohttp.ClientSession(self.url) as session:
            while time.monotonic() < deadline:
                if (code := self._require_process().poll()) is not None:
                    raise ServerEnded(f"exit code {code}\n{self.logs()}")
                try:
                    async with session.get(path) as answer:
                        if answer.status == 200:
                            return
                        last_answer = await answer.text()
                except aiohttp.ClientConnectionError as error:
                    last_answer = str(error)
                await asyncio.sleep(_LOOK_AGAIN_SECONDS)
        raise TimeoutError(f"{path} of the server: {last_answer}\n{self.logs()}")


@contextmanager
def ready_server(directory: Path, docker_host: str, **settings: str) -> Iterator[ServerProcess]:
    """The server runs until the block ends. For fixtures that outlive a test's event loop.

    It starts with a migrated database, which is faster.
    """
    server = ServerProcess(directory, docker_host, **settings)
    migrated(server.db_path)
    try:
        asyncio.run(server.started())
        yield server
    finally:
        server.close()


@contextmanager
def server_on_bed(bed: Bed, engine: Engine, directory: Path) -> Iterator[ServerProcess]:
    """As `ready_server`, with the logins of the bed's registries."""
    with ready_server(directory, engine.host, DOCKREV_DOCKER_CONFIG=str(bed.docker_config.file)) as server:
        yield server


def environment(directory: Path, docker_host: str) -> dict[str, str]:
    """The variables that a command needs for that engine, without the settings of this machine."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(directory),
        "DOCKER_HOST": docker_host,
        "DOCKREV_COMPOSE_BIN": str(COMPOSE_V2),
        "DOCKREV_LOG_FORMAT": "json",
    }


def free_port() -> int:
    for port in random.sample(_PORTS, 200):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise OSError("no free port on 127.0.0.1")
