"""Dockrev as the measured program: a server process on its own core."""

import asyncio
import os
import sys
import sysconfig
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import aiohttp

from bench.child import ChildFailed

_PATIENCE_SECONDS = 120
_CORES = sorted(os.sched_getaffinity(0))

PRODUCT_CPU = _CORES[0] if len(_CORES) > 1 else None
"""The core for Dockrev. The bench's own servers run on another one."""

_COMPOSE = Path(sysconfig.get_path("purelib")) / "compose" / "docker-compose"


@dataclass(frozen=True, slots=True)
class Job:
    status: str
    seconds: float
    summary: Mapping[str, Any]


class Product:
    def __init__(
        self, process: asyncio.subprocess.Process, api: aiohttp.ClientSession, started: float
    ) -> None:
        self._process = process
        self._api = api
        self.seconds_to_first_answer = started

    @classmethod
    @asynccontextmanager
    async def start(cls, environment: Mapping[str, str]) -> AsyncIterator["Product"]:
        """Waits until the first discovery is done. Raises ChildFailed when the server does not start."""
        env = of_product(environment)
        began = time.perf_counter()
        process = await asyncio.create_subprocess_exec(
            *pinned(), sys.executable, "-m", "dockrev", "serve", env=env
        )
        try:
            async with aiohttp.ClientSession(f"http://{env['DOCKREV_HTTP_ADDR']}") as api:
                await _until(process, api, "/api/health")
                seconds = time.perf_counter() - began
                await _until(process, api, "/api/ready")
                yield cls(process, api, seconds)
        finally:
            if process.returncode is None:
                process.terminate()
            await process.wait()

    async def check(self) -> Job:
        """Runs a check of everything and waits for its end without polling."""
        async with self._api.post("/api/checks", json={"scope": "all"}) as answer:
            answer.raise_for_status()
            job_id = (await answer.json())["checkId"]
        async with self._api.get(f"/api/jobs/{job_id}/events") as events:
            async for _ in events.content:
                pass
        async with self._api.get(f"/api/jobs/{job_id}") as answer:
            job = (await answer.json())["job"]
        return Job(job["status"], _seconds(job), job["summary"])

    def resident_megabytes(self, peak: bool = False) -> float:
        """The resident memory of the process in MB: now, or the peak since its start."""
        key = "VmHWM:" if peak else "VmRSS:"
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        return next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith(key))

    async def body(self, path: str) -> tuple[bytes, str]:
        """The uncompressed body and its ETag."""
        async with self._api.get(path, headers={"accept-encoding": "identity"}) as answer:
            answer.raise_for_status()
            return await answer.read(), answer.headers["etag"]


def of_product(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment of Dockrev, with the Compose of this Python environment. It logs only errors."""
    return {**environment, "DOCKREV_COMPOSE_BIN": str(_COMPOSE), "DOCKREV_LOG_LEVEL": "error"}


def pinned() -> list[str]:
    return [] if PRODUCT_CPU is None else ["taskset", "--cpu-list", str(PRODUCT_CPU)]


async def _until(process: asyncio.subprocess.Process, api: aiohttp.ClientSession, path: str) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while process.returncode is None and time.monotonic() < deadline:
        try:
            async with api.get(path) as answer:
                if answer.status == 200:
                    return
        except aiohttp.ClientConnectionError:
            pass
        await asyncio.sleep(0.02)
    raise ChildFailed(f"the server did not start (exit code {process.returncode})")


def _seconds(job: Mapping[str, Any]) -> float:
    started, finished = (datetime.fromisoformat(job[key]) for key in ("startedAt", "finishedAt"))
    return (finished - started).total_seconds()
