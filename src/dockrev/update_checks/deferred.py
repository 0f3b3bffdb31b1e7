"""A registry that asked for silence is asked again when the silence is over, without anyone's order."""

from datetime import timedelta

import structlog

from dockrev.clock import Clock
from dockrev.images.store import ImageStore
from dockrev.update_checks.jobs import CheckJobs

log = structlog.get_logger()

_PAUSE = timedelta(minutes=15)


class DeferredChecks:
    """Starts at most one check in a quarter of an hour, also for a registry that asks for less."""

    def __init__(self, jobs: CheckJobs, images: ImageStore, clock: Clock) -> None:
        self._jobs = jobs
        self._images = images
        self._clock = clock
        self._not_before = clock.now()

    async def tick(self) -> bool:
        """Start a check if one is due; returns whether it did."""
        now, due = self._clock.now(), await self._images.first_retry()
        if due is None or due > now or now < self._not_before:
            return False
        if not await self._jobs.start_scheduled():
            return False
        self._not_before = now + _PAUSE
        log.info("Checking what a registry put off", action="check.deferred")
        return True
