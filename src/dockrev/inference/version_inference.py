"""Builds and runs version inference: the queue, its worker, and everything that fills the queue."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Self

import structlog

from dockrev.background import every, running
from dockrev.clock import Clock
from dockrev.db.database import Database
from dockrev.errors import StorageError
from dockrev.http.request_counter import RequestCounter
from dockrev.images.store import ImageStore
from dockrev.inference.backfill import Backfill
from dockrev.inference.display_versions import DisplayVersions
from dockrev.inference.events import EventBuffer
from dockrev.inference.full_scan import FullScan
from dockrev.inference.lookup import DigestLookup
from dockrev.inference.needed_lookups import warm_up
from dockrev.inference.queue import CONCURRENCY, TaskQueue
from dockrev.inference.retention import SnapshotRetention
from dockrev.inference.service_images import ServiceImages
from dockrev.inference.worker import InferenceWorker
from dockrev.registry.client import RegistryClient
from dockrev.stacks.views import StackViews
from dockrev.versions.spend import SpendStore
from dockrev.versions.store import VersionStore
from dockrev.versions.tasks import TaskStore

log = structlog.get_logger()

_FLUSH_SECONDS = 60.0
_BACKFILL_SECONDS = 60.0
_RESTART_SECONDS = 10.0
"""The pause before a worker starts again after a crash."""
_RETRY_SECONDS = 30.0
"""After this time, results that could not be stored are stored again."""
_CLOCK_SECONDS = 600.0
"""How often the retention looks at the clock. It does not sleep for a day, because machines sleep too."""


@dataclass(frozen=True, slots=True)
class VersionInference:
    requests: RequestCounter
    events: EventBuffer
    queue: TaskQueue
    versions: VersionStore
    services: ServiceImages
    display_versions: DisplayVersions
    full_scan: FullScan
    worker: InferenceWorker
    backfill: Backfill
    retention: SnapshotRetention
    spend: SpendStore
    clock: Clock

    @classmethod
    def assemble(
        cls,
        database: Database,
        registry: RegistryClient,
        requests: RequestCounter,
        images: ImageStore,
        versions: VersionStore,
        views: StackViews,
        services: ServiceImages,
        clock: Clock,
    ) -> Self:
        events = EventBuffer(clock)
        queue = TaskQueue(TaskStore(database), events, clock)
        lookup = DigestLookup(registry, versions, images, clock)
        return cls(
            requests=requests,
            events=events,
            queue=queue,
            versions=versions,
            services=services,
            display_versions=DisplayVersions(services, versions, queue, views, clock),
            full_scan=FullScan(registry, versions, images, clock),
            worker=InferenceWorker(queue, lookup, versions, services, events, clock),
            backfill=Backfill(registry, versions, images, queue, services, clock),
            retention=SnapshotRetention(versions, events, clock),
            spend=SpendStore(database),
            clock=clock,
        )

    async def load(self) -> None:
        """Loads the tasks and the request counts of the process before. Raises StorageError."""
        await self.queue.load()
        await self.spend.restore(self.requests, self.clock.now())
        await warm_up(self.services, self.versions, self.queue, self.clock)

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        """Looks up versions while the block runs. Saves the request counts once a minute, and at the end."""
        try:
            async with running(
                *(every("version lookups", _RESTART_SECONDS, self.worker.run) for _ in range(CONCURRENCY)),
                every(
                    "requested versions", _RETRY_SECONDS, self.queue.enqueue_requested, self.queue.requested
                ),
                every(
                    "tags of full scans", _RETRY_SECONDS, self.full_scan.store_learned, self.full_scan.learned
                ),
                every("tags of all repositories", _BACKFILL_SECONDS, self.backfill.run),
                every("snapshot retention", _CLOCK_SECONDS, self.retention.tick),
                every("request counts", _FLUSH_SECONDS, self._save_spend),
            ):
                yield
        finally:
            await self.backfill.close()
            await self._save_spend()

    async def _save_spend(self) -> None:
        try:
            await self.spend.save(self.requests)
        except StorageError as error:
            log.warning(
                "Request counts cannot be saved", action="inference.spend_unsaved", cause=error.message
            )
