"""A process that begins a backup or a restore, prints that, and waits in the middle until a test kills it."""

import asyncio
import sys
import time
from pathlib import Path

from dockrev.backups.models import DataProgress
from dockrev.clock import SystemClock
from dockrev.config.shared import DockerConfig
from dockrev.db.database import Database
from dockrev.docker.engine import Engine
from dockrev.jobs.models import BackupMode
from tests.backups.bench import Bench, stack_named, web

AT_WORK = "at work"


def stay(_: DataProgress) -> None:
    print(AT_WORK, flush=True)  # noqa: T201
    time.sleep(600)


async def main(host: str, database_path: str, base_dir: str, what: str, subject: str, mode: str) -> None:
    async with (
        Database.open(Path(database_path)) as database,
        Engine.open(DockerConfig(host=host)) as engine,
    ):
        bench = await Bench.prepare(engine, database, SystemClock(), Path(base_dir), mode=mode)
        if what == "restore":
            await bench.restorer.restore(subject, stop_containers=True, on_progress=stay)
        else:
            await bench.creator.create(None, stack_named(subject), (web(),), BackupMode.INHERIT, stay)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
