"""A job runner with a database file, whose jobs run the handlers of a test."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from itertools import count
from pathlib import Path
from typing import Any, Self

import structlog
from structlog.typing import EventDict

from dockrev.clock import Clock, SystemClock
from dockrev.db.database import Database
from dockrev.errors import StorageError
from dockrev.jobs.context import JobContext
from dockrev.jobs.kinds import Handler, JobKind
from dockrev.jobs.models import Exclusive, Job, JobOutcome, JobTarget
from dockrev.jobs.runner import JobRunner
from dockrev.retry import RetryPolicy
from tests.jobs.building import AnySummary, Jobs, new_job, stack
from tests.storage import migrated

WORK = "work"
RESUMING = "resuming"
QUICK = RetryPolicy(pauses=(0.05,), retries=lambda error: isinstance(error, StorageError), endless=True)


class Works:
    def __init__(self, jobs: Jobs, runner: JobRunner, database: Database) -> None:
        self.jobs = jobs
        self.runner = runner
        self.database = database
        self._handlers: dict[str | None, Handler] = {}
        self.resumed: Handler | None = None
        """The handler of jobs of the kind that resumes."""
        self._numbers = count()
        runner.register(JobKind(WORK, self._handle, AnySummary))
        runner.register(JobKind(RESUMING, self._resume, AnySummary, resumes=True))

    @classmethod
    @asynccontextmanager
    async def open(
        cls, directory: Path, clock: Clock | None = None, resumed: Handler | None = None
    ) -> AsyncIterator[Self]:
        clock = clock or SystemClock()
        async with Database.open(migrated(directory / "dockrev.sqlite3"), busy_timeout_ms=50) as database:
            jobs = Jobs.of(database, clock)
            runner = JobRunner(jobs.store, clock, storage_retries=QUICK)
            works = cls(jobs, runner, database)
            works.resumed = resumed
            await runner.start()
            try:
                yield works
            finally:
                await runner.stop()

    def target(self) -> JobTarget:
        """A target that no other job has."""
        return stack(f"stk_{next(self._numbers)}")

    async def submit(
        self, handler: Handler, target: JobTarget | None = None, exclusive: Exclusive | None = None
    ) -> str:
        new = new_job(target or self.target(), WORK)
        self._handlers[new.target.stack_id] = handler
        await self.runner.submit(new, exclusive)
        return new.id

    async def ended(self, job_id: str) -> Job:
        return await self.jobs.ended(job_id)

    async def run(self, handler: Handler) -> Job:
        return await self.ended(await self.submit(handler))

    async def _resume(self, context: JobContext) -> JobOutcome:
        assert self.resumed
        return await self.resumed(context)

    async def _handle(self, context: JobContext) -> JobOutcome:
        return await self._handlers[context.job.target.stack_id](context)


class Endless:
    """A handler that signals its start and runs until it is cancelled."""

    def __init__(self) -> None:
        self.began = asyncio.Event()
        self.cancelled = False

    async def __call__(self, _: JobContext) -> JobOutcome:
        self.began.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        raise AssertionError("nobody sets that event")


@contextmanager
def logged(action: str) -> Iterator[asyncio.Event]:
    """Yields an event that is set when a line with this `action` is logged."""
    seen = asyncio.Event()

    def look(_logger: Any, _method: str, line: EventDict) -> EventDict:
        if line.get("action") == action:
            seen.set()
        raise structlog.DropEvent

    before = structlog.get_config()
    structlog.configure(processors=[look])
    try:
        yield seen
    finally:
        structlog.configure(**before)
