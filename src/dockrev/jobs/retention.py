"""Jobs that ended long ago are deleted with their logs, a few at a time."""

import asyncio
from datetime import timedelta

import structlog

from dockrev.clock import Clock
from dockrev.jobs.runner import JobRunner
from dockrev.jobs.store import JobStore

log = structlog.get_logger()

KEPT = timedelta(days=30)
_BATCH = 50


class JobRetention:
    def __init__(self, store: JobStore, runner: JobRunner, clock: Clock) -> None:
        self._store = store
        self._runner = runner
        self._clock = clock

    async def purge(self) -> int:
        """Returns how many jobs were deleted."""
        before, deleted = self._clock.now() - KEPT, 0
        while ids := await self._store.delete_finished_before(before, _BATCH):
            await self._runner.forget(ids)
            deleted += len(ids)
            await asyncio.sleep(0)
        if deleted:
            log.info("Old jobs deleted", action="jobs.purged", count=deleted)
        return deleted
