"""Starts a check by itself when a registry that refused requests for a while allows them again."""

from datetime import timedelta

import structlog

from dockrev.clock import Clock
from dockrev.images.store import ImageStore
from dockrev.update_checks.jobs import CheckJobs

log = structlog.get_logger()

_PAUSE = timedelta(minutes=15)


class DeferredChecks:
    """Starts at most one check in 15 minutes, even when a registry asks for a shorter pause."""

    def __init__(self, jobs: CheckJobs, images: ImageStore, clock: Clock) -> None:
        self._jobs = jobs
        self._images = images
        self._clock = clock
        self._not_before = clock.now()

    async def tick(self) -> bool:
        """Starts a check when one is due. Returns whether it started one."""
        now, due = self._clock.now(), await self._images.first_retry()
        if due is None or due > now or now < self._not_before:
            return False
        if not await self._jobs.start_scheduled():
            return False
        self._not_before = now + _PAUSE
        log.info("A registry allows requests again: a new check was started", action="check.deferred")
        return True
