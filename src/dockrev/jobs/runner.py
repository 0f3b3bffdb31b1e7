"""Starts jobs, runs the handler of their kind, and records how each of them ended."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial

import structlog

from dockrev.clock import Clock
from dockrev.errors import AppError, StorageError, Unavailable
from dockrev.jobs.context import JobContext
from dockrev.jobs.dispatcher import Dispatcher
from dockrev.jobs.kinds import JobKind
from dockrev.jobs.models import (
    Exclusive,
    Job,
    JobOutcome,
    JobStatus,
    JobSummary,
    Level,
    Line,
    NewJob,
    Termination,
)
from dockrev.jobs.store import InTransaction, JobStore
from dockrev.retry import RetryPolicy, retry
from dockrev.signals import is_set_within

log = structlog.get_logger()


def _is_storage_error(error: Exception) -> bool:
    return isinstance(error, StorageError)


_UNTIL_STORED = RetryPolicy(pauses=(5.0,), retries=_is_storage_error, endless=True)
"""After a full disk or a locked file the runner tries to store again, without end."""


class JobRunner:
    """The one place where jobs start and end. Kinds are registered before `start`."""

    def __init__(self, store: JobStore, clock: Clock, storage_retries: RetryPolicy = _UNTIL_STORED) -> None:
        self._store = store
        self._clock = clock
        self._storage_retries = storage_retries
        self._kinds: dict[str, JobKind] = {}
        self._dispatcher = Dispatcher(self._run)
        self._handling: dict[str, asyncio.Task[JobOutcome]] = {}
        self._interrupted: dict[str, Termination] = {}
        """Why the handler of a job was cancelled."""
        self._started = False
        self._stopping = asyncio.Event()

    def register(self, kind: JobKind) -> None:
        self._kinds[kind.type] = kind

    @property
    def kinds(self) -> tuple[JobKind, ...]:
        return tuple(self._kinds.values())

    def _resumes(self, job: Job) -> bool:
        kind = self._kinds.get(job.type)
        return kind is not None and kind.resumes

    async def start(self) -> None:
        """Ends or resumes the jobs that an earlier process left unfinished. Then takes new jobs."""
        await self._end_unfinished(Termination.SERVER_RESTART)
        resumed = [job.id for job in await self._store.unfinished()]
        for job_id in resumed:
            log.warning("Job goes on after a restart", action="job.resumed", job_id=job_id)
        self._started = True
        await self._dispatcher.resume_unfinished(resumed)

    async def probe(self) -> str:
        """For readiness. Raises AppError while no job can run."""
        self._require_started()
        return f"{len(self._handling)} running"

    def _require_started(self) -> None:
        if not self._started or self._stopping.is_set():
            raise Unavailable("jobs are not running: the server is starting or stopping")

    async def stop(self) -> None:
        """Ends the running jobs as `server_shutdown`, or leaves them to the next start if they resume."""
        self._stopping.set()
        for job_id in list(self._handling):
            self._interrupt(job_id, Termination.SERVER_SHUTDOWN)
        await self._dispatcher.stop()
        if self._started:
            self._started = False
            with suppress(StorageError):  # the next start ends them
                await self._end_unfinished(Termination.SERVER_SHUTDOWN)

    async def submit(
        self, new: NewJob, exclusive: Exclusive | None = None, in_transaction: InTransaction | None = None
    ) -> None:
        """Returns once the job is recorded; it runs in the background. Raises Conflict as the rule says.

        `in_transaction`: see `JobStore.start`.
        """
        self._require_started()
        for stale in await self._store.start(new, exclusive, in_transaction):
            log.warning("Stale job closed", action="job.stale", job_id=stale)
            self._interrupt(stale, Termination.STALE_CHECK)
        await self._dispatcher.submit(new.id)

    async def cancel(self, job_id: str) -> None:
        """Ends a job that only reads at once. A job that changes things ends where it can end well."""
        await self._store.request_cancel(job_id)
        await self._dispatcher.cancel(job_id)

    async def _end_unfinished(self, reason: Termination) -> None:
        for job in await self._store.unfinished():
            if not self._resumes(job):
                log.warning(
                    "Job was interrupted", action="job.interrupted", job_id=job.id, reason=reason.value
                )
                await self._store.terminate(job.id, reason)

    def _interrupt(self, job_id: str, reason: Termination) -> None:
        """Cancels the handler only while it runs, so that an end being recorded stays."""
        if handling := self._handling.get(job_id):
            self._interrupted.setdefault(job_id, reason)
            handling.cancel()

    async def _run(self, job_id: str, cancelled: asyncio.Event) -> None:
        jobs: list[Job] = []

        async def read() -> None:
            jobs.append(await self._store.get(job_id))

        await self._until_stored(read)
        for job in jobs:
            if not job.status.terminal and not self._stopping.is_set():
                if job.cancel_requested:
                    cancelled.set()
                with structlog.contextvars.bound_contextvars(job_id=job_id):
                    await self._handle(JobContext(job, self._store, self._clock, cancelled))

    async def _handle(self, context: JobContext) -> None:
        job = context.job
        handling = self._handling[job.id] = asyncio.create_task(self._outcome(context))
        beside = [asyncio.create_task(context.keep_flushing())]
        if not self._resumes(job):
            beside.append(asyncio.create_task(self._interrupt_when_cancelled(context)))
        await asyncio.wait([handling])
        del self._handling[job.id]
        for task in beside:
            task.cancel()
        await asyncio.gather(*beside, return_exceptions=True)
        interrupted = self._interrupted.pop(job.id, Termination.SERVER_SHUTDOWN)
        if handling.cancelled() and self._resumes(job):
            return  # the next start goes on with it
        end = interrupted if handling.cancelled() else handling.result()
        await self._until_stored(partial(self._record_end, context, end))

    async def _interrupt_when_cancelled(self, context: JobContext) -> None:
        await context.cancel_requested.wait()
        self._interrupt(context.job.id, Termination.CANCELLED)

    async def _outcome(self, context: JobContext) -> JobOutcome:
        try:
            return await self._call_handler(context)
        except AppError as error:
            return JobOutcome(JobStatus.FAILED, JobSummary(error=error.message))
        except Exception as error:
            # A fault in one job must neither stop the server nor stay unseen.
            log.exception("Job failed unexpectedly", action="job.crashed")
            text = f"internal error: {type(error).__name__} (details are in the server's log)"
            return JobOutcome(JobStatus.FAILED, JobSummary(error=text))

    async def _call_handler(self, context: JobContext) -> JobOutcome:
        """Runs the handler of a job that resumes again after the database comes back."""
        handler = partial(self._kinds[context.job.type].handler, context)
        if not self._resumes(context.job):
            return await handler()
        return await retry(self._storage_retries, handler, on_failure=_log_wait)

    async def _until_stored(self, action: Callable[[], Awaitable[None]]) -> None:
        """Gives up when the server stops; the next start ends the job."""

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
        error = end.summary.error
        last_line = Line(Level.ERROR, f"{job.type} failed: {error}") if error else None
        await self._store.finish(job.id, end, last_line)
        log.info("Job finished", action="job.finished", type=job.type, status=end.status.value)


async def _log_wait(_attempt: int, error: Exception) -> None:
    log.error("A job waits for its database", action="job.storage_awaited", cause=str(error))
