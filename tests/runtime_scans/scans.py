"""All parts behind POST /api/runtime-scans, with a scripted host."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import orjson
from fastapi import FastAPI
from sqlalchemy import delete

from dockrev.clock import SystemClock
from dockrev.config.shared import AuthConfig, DockerConfig
from dockrev.discovery.scanners import Scanners
from dockrev.docker.engine import Engine
from dockrev.errors import DockerError
from dockrev.hosts.directory import HostDirectory
from dockrev.images.store import image_tags
from dockrev.jobs.models import Job, Level
from dockrev.jobs.runner import JobRunner
from dockrev.jobs.tables import jobs
from dockrev.runtime_scans.jobs import RuntimeScanJobs
from dockrev.runtime_scans.routes import RuntimeScanRoutes
from dockrev.stacks.models import ObservedService
from dockrev.stacks.store import stacks
from dockrev.web.application import create_web_app
from tests.discovery.scripted import ScriptedScanner
from tests.hosts.building import host_of
from tests.jobs.building import Jobs
from tests.stacks.building import AMD64
from tests.update_checks.bench import Bench
from tests.web.asgi import Answer, ask

Change = Callable[[], Awaitable[object]]


@dataclass
class Scans:
    """`happens` runs during a scan of the host and changes the database. `wrong`: problems by stack id."""

    bench: Bench
    jobs: Jobs
    scan_jobs: RuntimeScanJobs
    app: FastAPI
    happens: Change | None = None
    wrong: Mapping[str, str] = field(default_factory=dict)
    engine_error: DockerError | None = None
    may_look: asyncio.Event = field(default_factory=asyncio.Event)
    looks: int = 0

    @classmethod
    @asynccontextmanager
    async def open(cls, directory: Path) -> AsyncIterator[Self]:
        async def on_scan() -> Mapping[str, str]:
            return await opened._on_scan()

        clock, docker = SystemClock(), DockerConfig(host="unix:///nowhere", platform=AMD64)
        async with Bench.open(directory) as bench, Engine.open(docker) as engine:
            own = Jobs.of(bench.database, clock)
            runner = JobRunner(own.store, clock)
            scan_jobs = RuntimeScanJobs(
                runner,
                own.store,
                bench.stacks,
                bench.views,
                HostDirectory([host_of(engine, docker.platform)]),
                Scanners([ScriptedScanner(on_scan)]),
                bench.checker,
            )
            app = create_web_app([RuntimeScanRoutes(scan_jobs).router], AuthConfig(), "1.0")
            opened = cls(bench, own, scan_jobs, app)
            opened.may_look.set()
            await runner.start()
            try:
                yield opened
            finally:
                await runner.stop()

    async def forget(self) -> None:
        """Deletes all stored stacks. After that the host answers and nothing changes on it."""
        async with self.bench.database.write() as connection:
            for table in (stacks, jobs, image_tags):
                await connection.execute(delete(table))
        self.bench.registry.requests.clear()
        self.happens, self.wrong, self.engine_error = None, {}, None

    async def stack(self, project: str = "blog", *services: ObservedService) -> str:
        """Stores a stack and remembers its images as those of the previous scan."""
        stack_id = await self.bench.stack(project, *services)
        await self.scan_jobs.remember()
        return stack_id

    async def _on_scan(self) -> Mapping[str, str]:
        self.looks += 1
        await self.may_look.wait()
        if self.engine_error:
            raise self.engine_error
        if self.happens:
            await self.happens()
        return self.wrong

    async def post(self, body: object, **headers: str) -> Answer:
        return await ask(self.app, "POST", "/api/runtime-scans", json_body=body, headers=headers)

    async def start(self, body: object, **headers: str) -> str:
        answer = await self.post(body, **headers)
        assert answer.status == 200, answer.body
        job_id: str = answer.json()["jobId"]
        return job_id

    async def ended(self, job_id: str) -> Job:
        return await self.jobs.ended(job_id)

    async def run(self, body: object) -> Job:
        return await self.ended(await self.start(body))

    async def events(self, job_id: str, kind: str) -> list[dict[str, Any]]:
        rows = await self.jobs.logs(job_id)
        events = [orjson.loads(row.message) for row in rows if row.level is Level.EVENT]
        return [event for event in events if event["type"] == kind]

    async def lines(self, job_id: str, level: Level) -> list[str]:
        return [row.message for row in await self.jobs.logs(job_id) if row.level is level]

    async def service_id(self, name: str) -> str:
        return next(service.id for service in await self.bench.services() if service.name == name)
