"""Creates jobs for tests, and the store and feed of jobs."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime

from pydantic import ConfigDict

from dockrev.clock import Clock
from dockrev.db.database import Database
from dockrev.ids import IdPrefix, new_id
from dockrev.jobs.events import JobEvent
from dockrev.jobs.feed import LogFeed
from dockrev.jobs.models import (
    Exclusive,
    Job,
    JobOutcome,
    JobProgress,
    JobStatus,
    JobSummary,
    JobTarget,
    LogRow,
    NewJob,
    ProgressDocument,
    Reason,
    Scope,
)
from dockrev.jobs.store import JobStore

EVERYTHING = JobTarget(Scope.ALL)


def new_job(target: JobTarget = EVERYTHING, type: str = "check", id: str = "") -> NewJob:
    return NewJob(id or new_id(IdPrefix.JOB), type, target, "ann", Reason.UI)


def stack(stack_id: str) -> JobTarget:
    return JobTarget(Scope.STACK, stack_id)


class AnySummary(JobSummary):
    """The summary of job kinds that exist only in tests."""

    model_config = ConfigDict(extra="allow")


class AnyEvent(JobEvent):
    model_config = ConfigDict(extra="allow")


def success(**summary: str | int) -> JobOutcome:
    return JobOutcome(JobStatus.SUCCESS, AnySummary.model_validate(summary))


def failure(**summary: str | int) -> JobOutcome:
    return JobOutcome(JobStatus.FAILED, AnySummary.model_validate(summary))


def an_event(kind: str, **fields: str | int) -> AnyEvent:
    return AnyEvent.model_validate({"type": kind, **fields})


def progress(phase: str = "scanning", current: int = 0) -> ProgressDocument:
    return ProgressDocument.of(JobProgress(phase, "at work", current, 2), datetime(2026, 1, 2, tzinfo=UTC))


@dataclass(frozen=True)
class Jobs:
    store: JobStore
    feed: LogFeed

    @classmethod
    def of(cls, database: Database, clock: Clock) -> "Jobs":
        feed = LogFeed()
        return cls(JobStore(database, feed, clock), feed)

    async def start(
        self, target: JobTarget = EVERYTHING, exclusive: Exclusive | None = None, *, type: str = "check"
    ) -> str:
        new = new_job(target, type)
        await self.store.start(new, exclusive)
        return new.id

    async def finished(self, target: JobTarget = EVERYTHING, *, type: str = "check") -> Job:
        job_id = await self.start(target, type=type)
        await self.store.finish(job_id, success())
        return await self.store.get(job_id)

    async def ended(self, job_id: str, seconds: float = 10) -> Job:
        """Waits for the end of the job."""
        async with asyncio.timeout(seconds):
            with self.feed.subscribe(job_id) as arriving:
                while True:
                    job = await self.store.get(job_id)
                    if job.status.terminal:
                        return job
                    await arriving.next()

    async def logs(self, job_id: str) -> list[LogRow]:
        return await self.store.newest_logs(job_id, 500)
