"""What happens elsewhere and makes a digest worth looking into."""

from collections.abc import Callable, Collection, Iterable

from dockrev.clock import Clock
from dockrev.inference.queue import TaskQueue
from dockrev.inference.service_images import Demand, ServiceImage
from dockrev.oci.digest import Digest
from dockrev.versions.models import DigestKey, InferenceReason
from dockrev.versions.state import Need, need_of
from dockrev.versions.store import VersionStore


class Triggers:
    """Enqueues only what is not known, or no longer; asks no registry."""

    def __init__(self, queue: TaskQueue, demand: Demand, versions: VersionStore, clock: Clock) -> None:
        self._queue = queue
        self._demand = demand
        self._versions = versions
        self._clock = clock

    async def warm_up(self) -> int:
        """At the start: everything that runs. Returns how many digests were enqueued."""
        wanted = await self._demand.all()
        needed = await self._enqueue(
            wanted, InferenceReason.STARTUP_WARMUP, lambda one: (one.current,) if one.current else ()
        )
        return len(needed)

    async def changed(self, service_ids: Collection[str], reason: InferenceReason) -> set[DigestKey]:
        """Of these services another digest runs, or is offered, than before. The candidate goes first.

        Returns what has to be looked into now, whoever asked for it first.
        """
        wanted = [one for one in await self._demand.all() if one.service_id in service_ids]
        return await self._enqueue(wanted, reason, lambda one: one.digests)

    async def _enqueue(
        self,
        wanted: Iterable[ServiceImage],
        reason: InferenceReason,
        digests_of: Callable[[ServiceImage], Iterable[Digest]],
    ) -> set[DigestKey]:
        platform = await self._demand.platform()
        pairs = [
            (DigestKey(one.ref.repository, digest, platform), one.tag)
            for one in wanted
            if one.needs_inference
            for digest in digests_of(one)
        ]
        knowledge = await self._versions.known(((key.repository, key.digest) for key, _ in pairs), platform)
        now = self._clock.now()
        needed = [key for key, tag in pairs if need_of(knowledge.snapshots.get(key), tag, now)]
        await self._queue.enqueue(Need(key, reason) for key in needed)
        return set(needed)
