"""Starts jobs, runs the handler of their type, and ends each of them truthfully, whatever happens."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from pathlib import Path

import structlog

from dockrev.clock import Clock, timestamp
from dockrev.errors import AppError, Json, StorageError, Unavailable
from dockrev.jobs.durable import DurableWorkflows
from dockrev.jobs.models import (
    Exclusive,
    Job,
    JobStatus,
    Level,
    NewJob,
    Outcome,
    Progress,
    Termination,
)
from dockrev.jobs.store import JobStore

log = structlog.get_logger()

_PROGRESS_SECONDS = 0.5
_END_RETRY_SECONDS = 5


class JobContext:
    """What a handler may do with its job."""

    def __init__(self, job: Job, store: JobStore, clock: Clock) -> None:
        self.job = job
        self._store = store
        self._clock = clock
        self._latest: Mapping[str, Json] | None = None
        self._changed = asyncio.Event()

    async def log(self, message: str, level: Level = Level.INFO) -> None:
        await self._store.add_log(self.job.id, level, message)

    async def event(self, kind: str, fields: Mapping[str, Json]) -> None:
        await self._store.add_event(self.job.id, kind, fields)

    def progress(self, progress: Progress) -> None:
        """Cheap at any rate: the newest state is stored and sent at most twice a second."""
        self._latest = {
            "phase": progress.phase,
            "message": progress.message,
            "current": progress.current,
            "total": progress.total,
            "percent": progress.percent,
            "plannedCurrent": progress.planned_current,
            "plannedTotal": None if progress.planned_current is None else progress.total,
            "plannedPercent": progress.planned_percent,
            "currentTarget": progress.current_target,
            "updatedAt": timestamp(self._clock.now()),
        }
        self._changed.set()

    async def flush(self) -> None:
        latest, self._latest = self._latest, None
        if latest is not None:
            await self._store.set_progress(self.job.id, latest)

    async def keep_flushing(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            with suppress(
                StorageError
            ):  # progress is replaced in a moment; the job's end is what must be stored
                await self.flush()
            await asyncio.sleep(_PROGRESS_SECONDS)


Handler = Callable[[JobContext], Awaitable[Outcome]]


class JobRunner:
    """The one place where jobs start and end. Types are registered before `start`."""

    def __init__(self, store: JobStore, clock: Clock, workflows_path: Path) -> None:
        self._store = store
        self._clock = clock
        self._path = workflows_path
        self._handlers: dict[str, Handler] = {}
        self._workflows: DurableWorkflows | None = None
        self._running: dict[str, asyncio.Task[None]] = {}
        self._ended_by: dict[str, Termination] = {}

    def handles(self, job_type: str, handler: Handler) -> None:
        self._handlers[job_type] = handler

    async def start(self) -> None:
        """First closes what an earlier process left unfinished, then takes new jobs."""
        for job in await self._store.unfinished():
            log.warning("Job was interrupted by a restart", action="job.interrupted", job_id=job.id)
            await self._store.terminate(job.id, Termination.SERVER_RESTART)
        self._workflows = DurableWorkflows(self._path, self._run)
        self._workflows.launch()

    async def probe(self) -> str:
        """For readiness. Raises AppError while no job can run."""
        self._require_workflows()
        return f"{len(self._running)} running"

    def _require_workflows(self) -> DurableWorkflows:
        if self._workflows is None:
            raise Unavailable("jobs are not running: the server is starting or stopping")
        return self._workflows

    async def stop(self) -> None:
        """Ends running jobs as `server_shutdown`; they are recorded before this returns."""
        running = list(self._running.items())
        for job_id, task in running:
            self._ended_by[job_id] = Termination.SERVER_SHUTDOWN
            task.cancel()
        await asyncio.gather(*(task for _, task in running), return_exceptions=True)
        if self._workflows:
            await self._workflows.close()
            self._workflows = None

    async def submit(self, new: NewJob, exclusive: Exclusive | None = None) -> None:
        """Returns once the job is recorded; it runs in the background. Raises Conflict as the rule says."""
        workflows = self._require_workflows()
        for stale in await self._store.start(new, exclusive):
            log.warning("Stale job closed", action="job.stale", job_id=stale)
            if task := self._running.get(stale):
                self._ended_by[stale] = Termination.STALE_CHECK
                task.cancel()
        await workflows.start(new.id)

    async def forget(self, job_ids: list[str]) -> None:
        if self._workflows:
            await self._workflows.forget(job_ids)

    async def _run(self, job_id: str) -> None:
        task = asyncio.create_task(self._work(job_id))
        self._running[job_id] = task
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            raise
        finally:
            self._running.pop(job_id, None)
            self._ended_by.pop(job_id, None)

    async def _work(self, job_id: str) -> None:
        """A workflow that DBOS recovers finds its job already ended, and has nothing left to do."""
        known = {job.id: job for job in await self._store.unfinished()}
        if job_id not in known:
            return
        context = JobContext(known[job_id], self._store, self._clock)
        with structlog.contextvars.bound_contextvars(job_id=job_id):
            await self._end(context, await self._outcome(context))

    async def _outcome(self, context: JobContext) -> Outcome | Termination:
        job = context.job
        flushing = asyncio.create_task(context.keep_flushing())
        try:
            return await self._handlers[job.type](context)
        except asyncio.CancelledError:
            return self._ended_by.get(job.id, Termination.SERVER_SHUTDOWN)
        except AppError as error:
            return Outcome(JobStatus.FAILED, {"error": error.message})
        except Exception as error:
            # A fault in one job must neither stop the server nor stay unseen.
            log.exception("Job failed unexpectedly", action="job.crashed")
            text = f"internal error: {type(error).__name__} (details are in the server's log)"
            return Outcome(JobStatus.FAILED, {"error": text})
        finally:
            flushing.cancel()
            with suppress(asyncio.CancelledError):
                await flushing

    async def _end(self, context: JobContext, outcome: Outcome | Termination) -> None:
        """An end that cannot be stored now (a full disk, a locked file) is stored when it can be."""
        while True:
            try:
                await self._record_end(context, outcome)
                return
            except StorageError as error:
                log.error("Job's end not stored yet", action="job.end_unstored", cause=error.message)
                await asyncio.sleep(_END_RETRY_SECONDS)

    async def _record_end(self, context: JobContext, outcome: Outcome | Termination) -> None:
        job = context.job
        await context.flush()
        if isinstance(outcome, Termination):
            await self._store.terminate(job.id, outcome)
            return
        if "error" in outcome.summary:
            await context.log(f"{job.type} failed: {outcome.summary['error']}", Level.ERROR)
        await self._store.finish(job.id, outcome)
        log.info("Job finished", action="job.finished", type=job.type, status=outcome.status.value)
