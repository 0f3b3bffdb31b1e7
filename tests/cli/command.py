"""Runs `dockrev ARGUMENTS` as a script does."""

import asyncio
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

from tests.e2e.server_process import environment
from tests.processes import fork_server

_TIMEOUT_SECONDS = 60


@dataclass(frozen=True, slots=True)
class CommandResult:
    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        return json.loads(self.out)

    @property
    def rows(self) -> dict[str, dict[str, Any]]:
        """The rows of `check --json` by `project/service`."""
        return {f"{row['stack']}/{row['service']}": row for row in self.document["services"]}


@dataclass(frozen=True, slots=True)
class Cli:
    """Runs commands in `directory`. `scratch` is their TMPDIR, which they must leave empty."""

    directory: Path
    docker_host: str

    @property
    def scratch(self) -> Path:
        return self.directory / "tmp"

    async def start(self, *arguments: str, **settings: str) -> asyncio.subprocess.Process:
        """A process of `python -m dockrev` that can be read from and sent signals."""
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "dockrev",
            *arguments,
            cwd=self.directory,
            env=self._env(settings),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )

    async def run(self, *arguments: str, **settings: str) -> CommandResult:
        with TemporaryFile() as out, TemporaryFile() as err:
            process = fork_server.start(
                self._env(settings), self.directory, *arguments, stdout=out.fileno(), stderr=err.fileno()
            )
            try:
                code = await asyncio.to_thread(process.wait, _TIMEOUT_SECONDS)
            finally:
                process.kill()
            return CommandResult(code, _text(out), _text(err))

    def _env(self, settings: Mapping[str, str]) -> dict[str, str]:
        self.scratch.mkdir(exist_ok=True)
        return {
            **environment(self.directory, self.docker_host),
            "TMPDIR": str(self.scratch),
            **settings,
        }


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode()


async def outcome(process: asyncio.subprocess.Process) -> CommandResult:
    async with asyncio.timeout(_TIMEOUT_SECONDS):
        out, err = await process.communicate()
    assert process.returncode is not None
    return CommandResult(process.returncode, out.decode(), err.decode())
