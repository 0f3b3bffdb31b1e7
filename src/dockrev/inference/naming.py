"""Names for what a check has just found: found out now if that is quick, else from what is known."""

import asyncio
from collections.abc import AsyncGenerator, Collection, Mapping
from contextlib import aclosing

from dockrev.inference.events import EventRing
from dockrev.inference.queue import TaskQueue
from dockrev.inference.triggers import Triggers
from dockrev.stacks.appraisal import Appraiser
from dockrev.versions.models import DigestKey, InferenceReason

PATIENCE_SECONDS = 10.0


class VersionNames:
    """For each service: what runs, and what its registry offers, as people call it."""

    def __init__(self, triggers: Triggers, queue: TaskQueue, events: EventRing, appraiser: Appraiser) -> None:
        self._triggers = triggers
        self._queue = queue
        self._events = events
        self._appraiser = appraiser

    async def of(
        self, service_ids: Collection[str], patience_seconds: float = PATIENCE_SECONDS
    ) -> Mapping[str, tuple[str, str]]:
        if not service_ids:
            return {}
        keys = await self._triggers.changed(service_ids, InferenceReason.NEW_VERSION)
        await self._settled(keys, patience_seconds)
        return {
            one.service.id: (
                one.version.of_current(one.verdict.tag),
                one.version.of_candidate(one.verdict.tag),
            )
            for stack in await self._appraiser.all()
            for one in stack.services
            if one.service.id in service_ids
        }

    async def _settled(self, keys: Collection[DigestKey], patience_seconds: float) -> None:
        """Until none of them waits or is looked into any more; not longer than patience allows."""
        try:
            async with asyncio.timeout(patience_seconds), aclosing(self._news()) as events:
                if not self._waiting(keys):
                    return
                async for _ in events:
                    if not self._waiting(keys):
                        return
        except TimeoutError:
            return

    def _news(self) -> AsyncGenerator[object, None]:
        return self._events.after(self._events.latest)

    def _waiting(self, keys: Collection[DigestKey]) -> bool:
        return any(self._queue.get(key) for key in keys)
