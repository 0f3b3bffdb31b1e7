"""Deletes jobs that ended long ago with their logs, a few at a time."""

import asyncio
from datetime import timedelta

import structlog

from dockrev.clock import Clock
from dockrev.jobs.store import JobStore

log = structlog.get_logger()

KEPT = timedelta(days=30)
_BATCH = 50


async def delete_old_jobs(store: JobStore, clock: Clock) -> int:
    """Returns how many jobs were deleted."""
    before, deleted = clock.now() - KEPT, 0
    while ids := await store.delete_finished_before(before, _BATCH):
        deleted += len(ids)
        await asyncio.sleep(0)
    if deleted:
        log.info("Old jobs deleted", action="jobs.purged", count=deleted)
    return deleted
