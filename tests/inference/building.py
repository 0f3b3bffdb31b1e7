"""Registries, services and version inference for tests."""

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import reduce
from pathlib import Path
from typing import Self

from dockrev.config.server import RegistryConfig
from dockrev.db.database import Database
from dockrev.errors import NotFound
from dockrev.http.client import Timeouts
from dockrev.images.models import ImageFacts, TagState
from dockrev.images.store import ImageStore
from dockrev.inference.backfill import Backfill
from dockrev.inference.events import EventBuffer
from dockrev.inference.lookup import DigestLookup
from dockrev.inference.queue import TaskQueue
from dockrev.inference.service_images import ServiceImages
from dockrev.inference.worker import InferenceWorker
from dockrev.oci.digest import Digest
from dockrev.oci.platform import Platform
from dockrev.oci.ref import ImageRef
from dockrev.registry.client import RegistryClient, open_http
from dockrev.versions.models import DigestKey, DigestSnapshot, InferenceReason, InferenceTask, Lookup
from dockrev.versions.service_image import ServiceImage
from dockrev.versions.store import VersionStore
from dockrev.versions.tasks import TaskStore
from tests.fakes.clock import MovableClock
from tests.fakes.registry import FakeRegistry
from tests.storage import migrated

AMD64 = Platform("linux", "amd64")
WEB = "ghcr.io/acme/web"
APP = "acme/app"
"""A repository in the fake registry."""


def digest(name: str) -> Digest:
    return Digest.of(name.encode())


def key(name: str = "1.4.0", repository: str = WEB) -> DigestKey:
    return DigestKey(repository, digest(name), AMD64)


def need(name: str, reason: InferenceReason = InferenceReason.CACHE_MISS, repository: str = WEB) -> Lookup:
    return Lookup(key(name, repository), reason)


def release(registry: FakeRegistry, *versions: str, path: str = APP) -> list[Digest]:
    """Pushes one image for each version, the oldest first. `latest` names the last one."""
    made = [registry.push(path, version) for version in versions]
    registry.retag(path, "latest", made[-1])
    return made


@dataclass
class Services(ServiceImages):
    """Service images that a test adds by `run`, without a host."""

    images: list[ServiceImage] = field(default_factory=list)

    async def all(self) -> Sequence[ServiceImage]:
        return tuple(self.images)

    async def of_service(self, service_id: str) -> ServiceImage:
        image = next((image for image in self.images if image.service_id == service_id), None)
        if image is None:
            raise NotFound("service not found")
        return image

    def run(
        self,
        ref: str,
        current: Digest | None = None,
        candidate: Digest | None = None,
        *labels: str,
        service_id: str = "svc_web",
        archived: bool = False,
    ) -> ServiceImage:
        parsed = ImageRef.parse(ref)
        image = ServiceImage(
            service_id, parsed, parsed.tag or "", AMD64, current, candidate, labels, archived
        )
        self.images.append(image)
        return image

    def lookup(self, key: DigestKey, reason: InferenceReason) -> Lookup:
        """The lookup that serves all services with this digest."""
        lookups = [
            image.lookup(key.digest, reason)
            for image in self.images
            if image.ref.repository == key.repository and key.digest in image.digests
        ]
        return reduce(Lookup.merged, lookups) if lookups else Lookup(key, reason)


@dataclass
class Engine:
    """Version inference without its routes, with a real database and a real registry client."""

    registry: FakeRegistry
    client: RegistryClient
    database: Database
    images: ImageStore
    versions: VersionStore
    queue: TaskQueue
    events: EventBuffer
    worker: InferenceWorker
    backfill: Backfill
    services: Services
    clock: MovableClock

    @classmethod
    @asynccontextmanager
    async def open(
        cls, directory: Path, clock: MovableClock, registry: FakeRegistry, services: Services | None = None
    ) -> AsyncIterator[Self]:
        """A second call with the same directory stands for the next process."""
        services = services or Services()
        config = RegistryConfig(directory / "config.json", retry_base_ms=1, retry_max_ms=10)
        patience = Timeouts(connect_seconds=1, total_seconds=1)
        async with (
            Database.open(migrated(directory / "dockrev.sqlite3")) as database,
            open_http(config, clock, timeouts=patience) as http,
        ):
            client = RegistryClient(config, clock, http)
            images, versions, events = ImageStore(database, clock), VersionStore(database), EventBuffer(clock)
            queue = TaskQueue(TaskStore(database), events, clock)
            await queue.load()
            lookup = DigestLookup(client, versions, images, clock)
            yield cls(
                registry=registry,
                client=client,
                database=database,
                images=images,
                versions=versions,
                queue=queue,
                events=events,
                worker=InferenceWorker(queue, lookup, versions, services, events, clock),
                backfill=Backfill(client, versions, images, queue, services, clock),
                services=services,
                clock=clock,
            )

    def repository(self, path: str) -> str:
        return f"{self.registry.host}/{path}"

    def key(self, path: str, content: Digest) -> DigestKey:
        return DigestKey(self.repository(path), content, AMD64)

    async def run(
        self, path: str, content: Digest, reason: InferenceReason = InferenceReason.CACHE_MISS
    ) -> DigestSnapshot:
        """Runs a lookup of the digest, and returns its snapshot."""
        await self.enqueue(path, content, reason)
        await self.worker.work_once()
        snapshot = await self.versions.snapshot(self.key(path, content))
        assert snapshot is not None
        return snapshot

    async def enqueue(
        self, path: str, content: Digest, reason: InferenceReason = InferenceReason.CACHE_MISS
    ) -> None:
        await self.queue.enqueue([self.services.lookup(self.key(path, content), reason)])

    def task(self, path: str, content: Digest) -> InferenceTask | None:
        return self.queue.get(self.key(path, content))

    async def checked(self, path: str, tag: str, content: Digest, known: Iterable[ImageFacts] = ()) -> None:
        """Stores what a check stores when the tag names this content now."""
        state = TagState(self.repository(path), tag, content, self.clock.now())
        async with self.database.write() as connection:
            await self.images.record(connection, [state], known)

    @property
    def asked(self) -> int:
        """The number of requests since the registry's list of requests was cleared."""
        return len(self.registry.requests)
