"""Dockrev as operators run it: a process, seen only through its port, its log and its exit code."""

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

_PATIENCE_SECONDS = 30.0
_LOOK_AGAIN_SECONDS = 0.05
_PORTS = range(20000, 32000)
"""Below those that the kernel gives to outgoing connections, so nobody takes one between choice and use."""


class ServerEnded(Exception):
    """It ended though it was to serve; the message holds the exit code and the log."""


class ServerProcess:
    """`start` and `kill` it as often as the story needs: the database stays."""

    def __init__(self, directory: Path, docker_host: str, **settings: str) -> None:
        """`settings` are further environment variables; nothing is inherited but PATH."""
        self.directory = directory
        self.db_path = Path(settings.pop("DOCKREV_DB_PATH", directory / "data" / "dockrev.sqlite3"))
        self.port = free_port()
        self.env = environment(directory, docker_host) | {
            "DOCKREV_HTTP_ADDR": f"127.0.0.1:{self.port}",
            "DOCKREV_DB_PATH": str(self.db_path),
            **settings,
        }
        self.within: tuple[str, ...] = ()
        """Words before the command, of programs that end by running it."""
        self._log = directory / "server.log"
        self._process: subprocess.Popen[bytes] | ForkedProcess | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self, *, preloaded: bool = True) -> None:
        """Returns at once; `serving` and `ready` wait.

        `preloaded`: as a fork of a process that has imported Dockrev, instead of `python -m dockrev`.
        """
        with self._log.open("ab") as output:
            if preloaded and not self.within:
                file = output.fileno()
                self._process = fork_server.start(self.env, self.directory, "serve", stdout=file, stderr=file)
            else:
                self._process = self._run_python(output.fileno())

    async def started(self, *, preloaded: bool = True) -> None:
        """Returns when everything works."""
        self.start(preloaded=preloaded)
        await self.ready()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Everything works when the block begins; it is gone after the block, whatever happened in it."""
        try:
            await self.started()
            yield
        finally:
            self.close()

    async def ready(self) -> None:
        await self._until_answered("/api/ready")

    async def serving(self) -> None:
        """Returns when it answers at all."""
        await self._until_answered("/api/health")

    @asynccontextmanager
    async def api(self) -> AsyncIterator[Api]:
        async with aiohttp.ClientSession(self.url, timeout=aiohttp.ClientTimeout(60)) as session:
            yield Api(session)

    def kill(self) -> None:
        """As a power cut would: no handler runs."""
        process = self._require_process()
        process.kill()
        process.wait(_PATIENCE_SECONDS)

    @property
    def pid(self) -> int:
        return self._require_process().pid

    def send(self, number: signal.Signals) -> None:
        self._require_process().send_signal(number)

    def terminate(self) -> None:
        self.send(signal.SIGTERM)

    async def ended(self) -> int:
        """The exit code, once there is one."""
        return await asyncio.to_thread(self._require_process().wait, _PATIENCE_SECONDS)

    async def stop(self) -> int:
        self.terminate()
        return await self.ended()

    def close(self) -> None:
        """Whatever state it is in; for the end of a fixture."""
        if self._process is not None and self._process.poll() is None:
            self.kill()

    def logs(self) -> str:
        """Of all its starts."""
        return self._log.read_text(errors="replace")

    def _run_python(self, output: int) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [*self.within, sys.executable, "-m", "dockrev", "serve"],
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
        deadline = time.monotonic() + _PATIENCE_SECONDS
        seen = "no answer"
        async with aiohttp.ClientSession(self.url) as session:
            while time.monotonic() < deadline:
                if (code := self._require_process().poll()) is not None:
                    raise ServerEnded(f"exit code {code}\n{self.logs()}")
                try:
                    async with session.get(path) as answer:
                        if answer.status == 200:
                            return
                        seen = await answer.text()
                except aiohttp.ClientConnectionError as error:
                    seen = str(error)
                await asyncio.sleep(_LOOK_AGAIN_SECONDS)
        raise TimeoutError(f"{path} of the server: {seen}\n{self.logs()}")


@contextmanager
def ready_server(directory: Path, docker_host: str, **settings: str) -> Iterator[ServerProcess]:
    """Until the block ends; for fixtures that outlive a test's event loop. Starts on a migrated database."""
    server = ServerProcess(directory, docker_host, **settings)
    migrated(server.db_path)
    try:
        asyncio.run(server.started())
        yield server
    finally:
        server.close()


@contextmanager
def server_on_bed(bed: Bed, engine: Engine, directory: Path) -> Iterator[ServerProcess]:
    """As `ready_server`, and it knows the accounts of the bed's registries."""
    with ready_server(directory, engine.host, DOCKREV_DOCKER_CONFIG=str(bed.docker_config.file)) as server:
        yield server


def environment(directory: Path, docker_host: str) -> dict[str, str]:
    """What a command needs to look at that engine, and nothing of the machine's own settings."""
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
