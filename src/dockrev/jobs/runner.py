"""Starts jobs, runs the handler of their type, and ends each of them truthfully, whatever happens."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from functools import partial
from pathlib import Path

import structlog

from dockrev.clock import Clock
from dockrev.errors import AppError, StorageError, Unavailable
from dockrev.jobs.context import JobContext
from dockrev.jobs.durable import START_SECONDS, DurableWorkflows
from dockrev.jobs.kinds import JobKind
from dockrev.jobs.models import (
    Exclusive,
    Job,
    JobOutcome,
    JobStatus,
    Level,
    Line,
    NewJob,
    Termination,
)
from dockrev.jobs.store import JobStore, Within
from dockrev.retry import RetryPolicy, retry
from dockrev.signals import is_set_within

log = structlog.get_logger()


def _is_storage_error(error: Exception) -> bool:
    return isinstance(error, StorageError)


_UNTIL_STORED = RetryPolicy(pauses=(5.0,), retries=_is_storage_error, endless=True)
"""What cannot be stored (a full disk, a locked file) is tried again until it can."""


class JobRunner:
    """The one place where jobs start and end. Types are registered before `start`."""

    def __init__(
        self,
        store: JobStore,
        clock: Clock,
        workflows_path: Path,
        *,
        storage_retries: RetryPolicy = _UNTIL_STORED,
        start_seconds: float = START_SECONDS,
    ) -> None:
        self._store = store
        self._clock = clock
        self._path = workflows_path
        self._storage_retries = storage_retries
        self._start_seconds = start_seconds
        self._kinds: dict[str, JobKind] = {}
        self._workflows: DurableWorkflows | None = None
        self._working: set[asyncio.Task[None]] = set()
        self._contexts: dict[str, JobContext] = {}
        self._handling: dict[str, asyncio.Task[JobOutcome]] = {}
        self._ended_by: dict[str, Termination] = {}
        self._cancelled_early: set[str] = set()
        """Maybe after their job was read, and before it was handled."""
        self._stopping = asyncio.Event()

    def register(self, kind: JobKind) -> None:
        self._kinds[kind.type] = kind

    def _resumes(self, job: Job) -> bool:
        kind = self._kinds.get(job.type)
        return kind is not None and kind.resumes

    async def start(self) -> None:
        """First closes or resumes what an earlier process left unfinished, then takes new jobs."""
        await self._close_unfinished(Termination.SERVER_RESTART)
        workflows = DurableWorkflows(self._path, self._run, self._start_seconds)
        workflows.launch()
        self._workflows = workflows
        for job in await self._store.unfinished():
            log.warning("Job goes on after a restart", action="job.resumed", job_id=job.id)
            await workflows.ensure(job.id)

    async def probe(self) -> str:
        """For readiness. Raises AppError while no job can run."""
        self._require_workflows()
        return f"{len(self._handling)} running"

    def _require_workflows(self) -> DurableWorkflows:
        if self._workflows is None or self._stopping.is_set():
            raise Unavailable("jobs are not running: the server is starting or stopping")
        return self._workflows

    async def stop(self) -> None:
        """Ends running jobs as `server_shutdown`; they are recorded before this returns."""
        self._stopping.set()
        for job_id in list(self._handling):
            self._interrupt(job_id, Termination.SERVER_SHUTDOWN)
        await asyncio.gather(*self._working, return_exceptions=True)
        if self._workflows:
            await self._workflows.close()
            self._workflows = None
            with suppress(StorageError):  # the next start closes them
                await self._close_unfinished(Termination.SERVER_SHUTDOWN)

    async def submit(
        self, new: NewJob, exclusive: Exclusive | None = None, within: Within | None = None
    ) -> None:
        """Returns once the job is recorded; it runs in the background. Raises Conflict as the rule says.

        `within`: see `JobStore.start`.
        """
        workflows = self._require_workflows()
        for stale in await self._store.start(new, exclusive, within):
            log.warning("Stale job closed", action="job.stale", job_id=stale)
            self._interrupt(stale, Termination.STALE_CHECK)
        try:
            await workflows.start(new.id)
        except StorageError as error:
            failed = JobOutcome(JobStatus.FAILED, {"error": error.message})
            self._in_background(self._until_stored(partial(self._store.finish, new.id, failed)))
            raise

    async def cancel(self, job_id: str) -> None:
        """Ends a job that only looks at once; one that changes things ends where it can end well."""
        await self._store.request_cancel(job_id)
        if context := self._contexts.get(job_id):
            self._cancel(context)
        else:
            self._cancelled_early.add(job_id)

    def _cancel(self, context: JobContext) -> None:
        if self._resumes(context.job):
            context.cancel_requested.set()
        else:
            self._interrupt(context.job.id, Termination.CANCELLED)

    async def forget(self, job_ids: list[str]) -> None:
        if self._workflows:
            await self._workflows.forget(job_ids)

    async def _close_unfinished(self, reason: Termination) -> None:
        closed = [job for job in await self._store.unfinished() if not self._resumes(job)]
        for job in closed:
            log.warning("Job was interrupted", action="job.interrupted", job_id=job.id, reason=reason.value)
            await self._store.terminate(job.id, reason)

    def _interrupt(self, job_id: str, reason: Termination) -> None:
        """Only while its handler is at work: what is being recorded already is true."""
        if handling := self._handling.get(job_id):
            self._ended_by[job_id] = reason
            handling.cancel()

    def _in_background(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        """`stop` waits for it."""
        task = asyncio.create_task(work)
        self._working.add(task)
        task.add_done_callback(self._working.discard)
        return task

    async def _run(self, job_id: str) -> None:
        await asyncio.wait([self._in_background(self._work(job_id))])

    async def _work(self, job_id: str) -> None:
        """A workflow that DBOS recovers finds its job already ended, and has nothing left to do."""

        async def find() -> None:
            known.extend(job for job in await self._store.unfinished() if job.id == job_id)

        known: list[Job] = []
        await self._until_stored(find)
        for job in known:
            with structlog.contextvars.bound_contextvars(job_id=job_id):
                await self._handle(JobContext(job, self._store, self._clock))

    async def _handle(self, context: JobContext) -> None:
        if self._stopping.is_set():
            return
        job_id = context.job.id
        self._contexts[job_id] = context
        handling = self._handling[job_id] = asyncio.create_task(self._outcome(context))
        if context.job.cancel_requested or job_id in self._cancelled_early:
            self._cancel(context)
        self._cancelled_early.discard(job_id)
        flushing = asyncio.create_task(context.keep_flushing())
        await asyncio.wait([handling])
        del self._handling[job_id], self._contexts[job_id]
        flushing.cancel()
        await asyncio.gather(flushing, return_exceptions=True)
        ended_by = self._ended_by.pop(job_id, Termination.SERVER_SHUTDOWN)
        if handling.cancelled() and self._resumes(context.job):
            return  # the next start goes on with it
        end = ended_by if handling.cancelled() else handling.result()
        await self._until_stored(partial(self._record_end, context, end))

    async def _outcome(self, context: JobContext) -> JobOutcome:
        try:
            return await self._handled(context)
        except AppError as error:
            return JobOutcome(JobStatus.FAILED, {"error": error.message})
        except Exception as error:
            # A fault in one job must neither stop the server nor stay unseen.
            log.exception("Job failed unexpectedly", action="job.crashed")
            text = f"internal error: {type(error).__name__} (details are in the server's log)"
            return JobOutcome(JobStatus.FAILED, {"error": text})

    async def _handled(self, context: JobContext) -> JobOutcome:
        """A job that can be resumed is resumed as well when its database comes back."""
        handler = partial(self._kinds[context.job.type].handler, context)
        if not self._resumes(context.job):
            return await handler()
        return await retry(self._storage_retries, handler, on_failure=_log_wait)

    async def _until_stored(self, action: Callable[[], Awaitable[None]]) -> None:
        """Gives up when the server stops; the next start closes the job."""

        async def stop_or_wait(attempt: int, error: Exception) -> None:
            await _log_wait(attempt, error)
            if self._stopping.is_set():
                raise error

        async def pause(seconds: float) -> None:
            await is_set_within(self._stopping, seconds)

        with suppress(StorageError):
            await retry(self._storage_retries, action, on_failure=stop_or_wait, pause=pause)

    async def _record_end(self, context: JobContext, end: JobOutcome | Termination) -> None:
        job = context.job
        await context.flush()
        if isinstance(end, Termination):
            await self._store.terminate(job.id, end)
            return
        error = end.summary.get("error")
        last_line = Line(Level.ERROR, f"{job.type} failed: {error}") if error else None
        await self._store.finish(job.id, end, last_line)
        log.info("Job finished", action="job.finished", type=job.type, status=end.status.value)


async def _log_wait(_attempt: int, error: Exception) -> None:
    log.error("A job waits for its database", action="job.storage_awaited", cause=str(error))
