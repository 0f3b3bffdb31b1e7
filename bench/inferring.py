"""Runs version inference in the bench's own process, and counts its requests to the registry."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench.control import RegistryControl
from bench.traffic import Kind
from dockrev.clock import SystemClock
from dockrev.config.server import RegistryConfig
from dockrev.db.database import Database
from dockrev.errors import NotFound
from dockrev.images.models import TagState
from dockrev.images.store import ImageStore
from dockrev.inference.events import EventBuffer
from dockrev.inference.lookup import DigestLookup
from dockrev.inference.queue import TaskQueue
from dockrev.inference.service_images import ServiceImages
from dockrev.inference.worker import InferenceWorker
from dockrev.oci.digest import Digest
from dockrev.oci.platform import Platform
from dockrev.oci.ref import ImageRef
from dockrev.registry.client import RegistryClient, open_http
from dockrev.versions.models import DigestKey, InferenceReason
from dockrev.versions.service_image import ServiceImage
from dockrev.versions.store import VersionStore
from dockrev.versions.tags import resolved
from dockrev.versions.tasks import TaskStore

_HOST = Platform("linux", "amd64")
_ONCE_PER_HOST = (Kind.TOKEN, Kind.PING)


@dataclass
class Services(ServiceImages):
    """One service for each repository."""

    wanted: dict[str, ServiceImage] = field(default_factory=dict)

    async def all(self) -> Sequence[ServiceImage]:
        return tuple(self.wanted.values())

    async def of_service(self, service_id: str) -> ServiceImage:
        if service_id not in self.wanted:
            raise NotFound("service not found")
        return self.wanted[service_id]

    async def platform(self) -> Platform:
        return _HOST


class Inference:
    """Version inference over a database file."""

    def __init__(self, control: RegistryControl, client: RegistryClient, database: Database) -> None:
        self._control, self._host = control, control.host
        self._database, self._services = database, Services()
        self._clock = SystemClock()
        self._images, self._versions = ImageStore(database, self._clock), VersionStore(database)
        events = EventBuffer(self._clock)
        self._queue = TaskQueue(TaskStore(database), events, self._clock)
        self._worker = InferenceWorker(
            self._queue,
            DigestLookup(client, self._versions, self._images, self._clock),
            self._versions,
            self._services,
            events,
            self._clock,
        )

    @classmethod
    @asynccontextmanager
    async def open(cls, control: RegistryControl, directory: Path) -> AsyncIterator["Inference"]:
        config = RegistryConfig(directory / "config.json")
        async with (
            Database.open(directory / "versions.sqlite3") as database,
            open_http(config, SystemClock()) as http,
        ):
            yield cls(control, RegistryClient(config, SystemClock(), http), database)

    async def checked(self, repository: str, tag: str, digest: str) -> None:
        """Stores what a check learns about the tag. A check always runs before an update is shown."""
        state = TagState(self._full(repository), tag, Digest(digest), self._clock.now())
        async with self._database.write() as connection:
            await self._images.record(connection, [state], ())

    def run(
        self,
        repository: str,
        tag: str,
        *,
        current: str,
        candidate: str | None = None,
        label: str | None = None,
    ) -> None:
        """Adds a service of that repository, or replaces it."""
        self._services.wanted[repository] = ServiceImage(
            service_id=repository,
            ref=ImageRef.parse(f"{self._full(repository)}:{tag}"),
            tag=tag,
            platform=_HOST,
            current=Digest(current),
            candidate=Digest(candidate) if candidate else None,
            labels=(label,) if label else (),
        )

    async def look(self, repository: str, digest: str) -> int:
        """Looks up the digest. Returns the number of requests."""
        before = await self._requests()
        image = self._services.wanted[repository]
        await self._queue.enqueue([image.lookup(Digest(digest), InferenceReason.NEW_VERSION)])
        await self._worker.work_once()
        return await self._requests() - before

    async def tags(self, repository: str, digest: str) -> tuple[str, ...]:
        """The tags that are known to name the digest."""
        full, wanted = self._full(repository), Digest(digest)
        known = await self._versions.known([(full, wanted)])
        return tuple(known.tags_of(DigestKey(full, wanted, _HOST)))

    async def shown(self, repository: str, digest: str, tag: str) -> str | None:
        """The displayed version of a service with that tag."""
        return next(iter(resolved(await self.tags(repository, digest), tag)), None)

    def _full(self, repository: str) -> str:
        return f"{self._host}/{repository}"

    async def _requests(self) -> int:
        report = await self._control.stats()
        return report.requests - report.count(*_ONCE_PER_HOST)
