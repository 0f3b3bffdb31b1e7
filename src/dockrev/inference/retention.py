"""Deletes snapshots that are older than 30 days, and stores the result for the overview."""

import time
from datetime import timedelta

import structlog

from dockrev.clock import Clock
from dockrev.errors import StorageError
from dockrev.inference.documents import SnapshotsPurged
from dockrev.inference.events import EventBuffer
from dockrev.versions.models import RetentionRun
from dockrev.versions.store import VersionStore

log = structlog.get_logger()

KEPT = timedelta(days=30)
EVERY = timedelta(hours=24)


class SnapshotRetention:
    def __init__(self, versions: VersionStore, events: EventBuffer, clock: Clock) -> None:
        self._versions = versions
        self._events = events
        self._clock = clock
        self._due = clock.now()

    async def tick(self) -> None:
        """Deletes old snapshots at the first call, and then once in 24 hours."""
        if self._clock.now() >= self._due:
            await self.purge()
            self._due = self._clock.now() + EVERY

    async def purge(self) -> RetentionRun:
        """Deletes old snapshots. Never raises StorageError: the returned run has the error."""
        now, began = self._clock.now(), time.monotonic()
        cutoff, deleted, failure = now - KEPT, 0, None
        try:
            deleted = await self._versions.delete_before(cutoff)
        except StorageError as error:
            failure = error.message
        run = RetentionRun(now, deleted, round((time.monotonic() - began) * 1000), failure)
        self._events.publish(
            SnapshotsPurged(
                cutoff=cutoff,
                deleted=run.deleted,
                duration_ms=run.duration_ms,
                ok=run.error is None,
                error=run.error,
            )
        )
        try:
            await self._versions.record_retention(run)
        except StorageError as error:
            log.warning(
                "The result of deleting old snapshots cannot be stored",
                action="inference.purge_failed",
                cause=error.message,
            )
        return run
