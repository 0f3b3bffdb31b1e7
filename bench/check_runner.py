"""
A process that only runs checks: one for each line of its input, over the database of its environment.

`python -m bench.check_runner` prints `{}` when it is ready, and the result of each check.
"""

import asyncio
import os
import sys
import time
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import orjson
import uvloop

from dockrev.cli.logs import configure_logs
from dockrev.clock import SystemClock
from dockrev.composition.read_side import ReadSide, open_read_side
from dockrev.config.server import Config
from dockrev.hosts.local import LOCAL
from dockrev.stacks.wire import stack_detail
from dockrev.update_checks.models import CheckReport, CheckStep


class _Unwatched:
    def step(self, step: CheckStep) -> None:
        """Ignores the step."""

    async def pausing(self, until: datetime, services: int) -> None:
        """Ignores the pause."""


async def _run() -> None:
    config = Config.from_env(os.environ)
    configure_logs(config.log)
    commands = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(commands), sys.stdin
    )
    async with open_read_side(config, SystemClock(), config.db_path) as read:
        _tell({})
        async for _ in commands:
            _tell(await _check(read))


def _tell(document: Mapping[str, object]) -> None:
    print(orjson.dumps(document).decode(), flush=True)


async def _check(read: ReadSide) -> Mapping[str, object]:
    began = time.perf_counter()
    await read.scanners.of(LOCAL).scan()
    services = [service for stack in await read.stacks.all() for service in stack.services]
    report = await read.checker.check(services, _Unwatched())
    seconds = time.perf_counter() - began
    return {
        "seconds": seconds,
        **_counts(report),
        **_memory(),
        "stacks": [
            stack_detail(one).model_dump(mode="json", by_alias=True, exclude_none=True)
            for one in await read.views.all()
        ],
    }


def _counts(report: CheckReport) -> Mapping[str, object]:
    return {"failed": len(report.failed), "deferred": len(report.deferred)}


def _memory() -> Mapping[str, object]:
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return {"peak": int(status["VmHWM"].split()[0]) / 1024}


if __name__ == "__main__":
    uvloop.run(_run())
