"""Runs the lookups of the queue and stores what they learn."""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from dockrev.clock import Clock
from dockrev.errors import StorageError
from dockrev.inference.documents import ProgressOut, TaskFinished, TaskProgressed
from dockrev.inference.events import EventBuffer
from dockrev.inference.lookup import DigestLookup, LookupOutcome
from dockrev.inference.queue import TaskQueue
from dockrev.inference.service_images import ServiceImages
from dockrev.retry import RetryPolicy, retry
from dockrev.versions.models import (
    InferencePhase,
    InferenceProgress,
    InferenceReason,
    InferenceTask,
)
from dockrev.versions.observe import Observation
from dockrev.versions.state import RETRY_AFTER
from dockrev.versions.store import VersionStore

log = structlog.get_logger()

_THROTTLE_SECONDS = 0.2
_STORAGE_PAUSE = timedelta(seconds=30)
_UNTIL_STORED = RetryPolicy(
    pauses=(_STORAGE_PAUSE.total_seconds(),),
    retries=lambda error: isinstance(error, StorageError),
    endless=True,
)


class InferenceWorker:
    def __init__(
        self,
        queue: TaskQueue,
        lookup: DigestLookup,
        versions: VersionStore,
        services: ServiceImages,
        events: EventBuffer,
        clock: Clock,
    ) -> None:
        self._queue = queue
        self._lookup = lookup
        self._versions = versions
        self._services = services
        self._events = events
        self._clock = clock

    async def run(self) -> None:
        """Completes one task after another until cancelled. `CONCURRENCY` of these run at the same time.

        The next process repeats tasks that were interrupted.
        """
        while True:
            await retry(_UNTIL_STORED, self.work_once, on_failure=_log_failure)

    async def work_once(self) -> InferenceTask:
        """Waits for a task and completes it. Raises StorageError.

        After any error, the task is back in the queue.
        """
        task, pause = await self._queue.next(), RETRY_AFTER
        try:
            while not await self._complete(task):
                task = self._queue.get(task.key) or task
        except (StorageError, asyncio.CancelledError):
            pause = _STORAGE_PAUSE
            raise
        finally:
            self._queue.release_unfinished(task.key, self._clock.now() + pause)
        return task

    async def _complete(self, task: InferenceTask) -> bool:
        """Returns False when the operator ordered a new lookup meanwhile."""
        reporter = _ProgressReporter(task, self._queue, self._events)
        reporter.show(
            InferenceProgress(InferencePhase.PREPARE, "reading stored facts", 0, 0, 0, self._clock.now())
        )
        if not await self._services.uses(task.key):
            return await self._end(task, None, "no service uses this digest any more")
        outcome = await self._lookup.run(task, reporter.show)
        reporter.flush()
        return await self._store_outcome(task, outcome)

    async def _store_outcome(self, task: InferenceTask, outcome: LookupOutcome) -> bool:
        """A failed lookup never replaces a known version."""
        if not outcome.failed:
            return await self._end(task, outcome, None)
        if outcome.defer_until:
            return await self._defer(task, outcome.findings, outcome.defer_until)
        before = await self._versions.snapshot(task.key)
        if before is None or not before.tags:
            return await self._end(task, outcome, None)
        if task.reason is InferenceReason.FORCE:
            message = outcome.error.message if outcome.error else "the registry did not answer"
            return await self._end(task, replace(outcome, snapshot=before), message)
        return await self._defer(task, outcome.findings, self._clock.now() + RETRY_AFTER)

    async def _defer(self, task: InferenceTask, findings: Observation, until: datetime) -> bool:
        await self._versions.learn(findings)
        return await self._queue.defer(task, until)

    async def _end(self, task: InferenceTask, outcome: LookupOutcome | None, error: str | None) -> bool:
        findings = Observation(task.key.repository)
        if outcome is not None:
            findings = replace(outcome.findings, snapshots=() if error else (outcome.snapshot,))

        async def record() -> None:
            await self._versions.learn(findings, done=task.key)

        if not await self._queue.finish(task, record):
            return False
        if error or outcome is None:
            finished = TaskFinished.about(task.key, task.reason, status="error", error=error)
        else:
            finished = TaskFinished.success(task.key, task.reason, outcome.snapshot)
        self._events.publish(finished)
        return True


async def _log_failure(_attempt: int, error: Exception) -> None:
    log.warning(
        "The result of a version lookup cannot be stored",
        action="inference.storage_failed",
        cause=str(error),
    )


class _ProgressReporter:
    """Reports each progress to the queue, and publishes at most five events a second."""

    def __init__(self, task: InferenceTask, queue: TaskQueue, events: EventBuffer) -> None:
        self._task = task
        self._queue = queue
        self._events = events
        self._now = asyncio.get_running_loop().time
        self._shown_at = self._now() - _THROTTLE_SECONDS
        self._phase: InferencePhase | None = None
        self._held: InferenceProgress | None = None

    def show(self, progress: InferenceProgress) -> None:
        self._queue.report(self._task.key, progress)
        if progress.phase is not self._phase:
            self.flush()
        elif self._now() - self._shown_at < _THROTTLE_SECONDS:
            self._held = progress
            return
        self._publish(progress)

    def flush(self) -> None:
        """Publishes the last progress, if it was held back."""
        if self._held is not None:
            self._publish(self._held)

    def _publish(self, progress: InferenceProgress) -> None:
        self._held, self._phase, self._shown_at = None, progress.phase, self._now()
        shown = dict(ProgressOut.of(progress))
        self._events.publish(TaskProgressed.about(self._task.key, self._task.reason, **shown))
