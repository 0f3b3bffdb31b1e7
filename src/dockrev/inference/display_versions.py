"""Names for what a check has just found: found out now if that is quick, else from what is known."""

import asyncio
from collections.abc import Collection, Mapping

import structlog

from dockrev.inference.queue import TaskQueue
from dockrev.inference.triggers import Triggers
from dockrev.stacks.views import StackViews
from dockrev.versions.models import InferenceReason

log = structlog.get_logger()

PATIENCE_SECONDS = 10.0


class DisplayVersions:
    """For each service: what runs, and what its registry offers, as people call it."""

    def __init__(self, triggers: Triggers, queue: TaskQueue, views: StackViews) -> None:
        self._triggers = triggers
        self._queue = queue
        self._views = views

    async def of(
        self, service_ids: Collection[str], patience_seconds: float = PATIENCE_SECONDS
    ) -> Mapping[str, tuple[str, str]]:
        if not service_ids:
            return {}
        keys = await self._triggers.changed(service_ids, InferenceReason.NEW_VERSION)
        try:
            async with asyncio.timeout(patience_seconds):
                await self._queue.wait_done(keys)
        except TimeoutError:
            log.info("Some versions take longer to find out", action="inference.names_late")
        return {
            one.service.id: (
                one.version.of_current(one.state.tag),
                one.version.of_candidate(one.state.tag),
            )
            for stack in await self._views.all()
            for one in stack.services
            if one.service.id in service_ids
        }
