"""Finds the displayed versions of services. It waits a short time for their lookups."""

import asyncio
from collections.abc import Collection, Mapping

import structlog

from dockrev.clock import Clock
from dockrev.inference.needed_lookups import needed_lookups
from dockrev.inference.queue import TaskQueue
from dockrev.inference.service_images import ServiceImages
from dockrev.stacks.views import StackViews
from dockrev.versions.models import InferenceReason
from dockrev.versions.store import VersionStore

log = structlog.get_logger()

PATIENCE_SECONDS = 10.0


class DisplayVersions:
    def __init__(
        self,
        services: ServiceImages,
        versions: VersionStore,
        queue: TaskQueue,
        views: StackViews,
        clock: Clock,
    ) -> None:
        self._services = services
        self._versions = versions
        self._queue = queue
        self._views = views
        self._clock = clock

    async def of(
        self, service_ids: Collection[str], patience_seconds: float = PATIENCE_SECONDS
    ) -> Mapping[str, tuple[str, str]]:
        """Returns the displayed version that runs and the one of the candidate, by service id.

        Waits at most `patience_seconds` for the lookups of these services. A service without a version gets
        its tag.
        """
        if not service_ids:
            return {}
        images = [image for image in await self._services.all() if image.service_id in service_ids]
        now = self._clock.now()
        lookups = await needed_lookups(images, self._versions, InferenceReason.NEW_VERSION, now)
        await self._queue.enqueue(lookups)
        try:
            async with asyncio.timeout(patience_seconds):
                await self._queue.wait_done([lookup.key for lookup in lookups])
        except TimeoutError:
            log.info("Some versions are not known yet", action="inference.versions_late")
        return {
            service.service.id: (
                service.version.of_current(service.state.tag),
                service.version.of_candidate(service.state.tag),
            )
            for stack in await self._views.all()
            for service in stack.services
            if service.service.id in service_ids
        }
