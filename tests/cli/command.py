"""`dockrev ARGUMENTS` as a script calls it."""

import asyncio
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.e2e.server_process import environment

_PATIENCE_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Said:
    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        return json.loads(self.out)

    @property
    def rows(self) -> dict[str, dict[str, Any]]:
        """Of `check --json`, by `project/service`."""
        return {f"{row['stack']}/{row['service']}": row for row in self.document["services"]}


@dataclass(frozen=True, slots=True)
class Cli:
    """Nothing of it may stay in `scratch`, which is its TMPDIR."""

    directory: Path
    docker_host: str

    @property
    def scratch(self) -> Path:
        return self.directory / "tmp"

    async def start(self, *arguments: str, **settings: str) -> asyncio.subprocess.Process:
        self.scratch.mkdir(exist_ok=True)
        env = environment(self.directory, self.docker_host) | {"TMPDIR": str(self.scratch), **settings}
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "dockrev",
            *arguments,
            cwd=self.directory,
            env=env,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )

    async def run(self, *arguments: str, **settings: str) -> Said:
        return await outcome(await self.start(*arguments, **settings))


async def outcome(process: asyncio.subprocess.Process) -> Said:
    async with asyncio.timeout(_PATIENCE_SECONDS):
        out, err = await process.communicate()
    assert process.returncode is not None
    return Said(process.returncode, out.decode(), err.decode())
