"""What it costs to name the version behind a floating tag, and whether the name is right."""

import statistics
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from bench.catalogue import Quirk
from bench.child import child, spare_cpu
from bench.control import RegistryControl
from bench.figures import Bound, Figure, count
from bench.registry_options import Behaviour, Stock, TagList, arguments
from bench.truth import ReleaseTruth, RepositoryTruth
from dockrev.clock import SystemClock
from dockrev.config import RegistryConfig
from dockrev.db.database import Database
from dockrev.errors import NotFound
from dockrev.images.models import TagState
from dockrev.images.store import ImageStore
from dockrev.inference.demand import DemandBook, Wanted
from dockrev.inference.events import EventRing
from dockrev.inference.look import Looker
from dockrev.inference.queue import TaskQueue
from dockrev.inference.worker import InferenceWorker
from dockrev.oci.digest import Digest
from dockrev.oci.platform import Platform
from dockrev.oci.ref import ImageRef
from dockrev.registry.client import RegistryClient
from dockrev.registry.transport import RequestKind
from dockrev.versions.models import DigestKey, InferenceReason
from dockrev.versions.state import Need
from dockrev.versions.store import VersionStore
from dockrev.versions.tags import resolved
from dockrev.versions.tasks import TaskStore

_HOST = Platform("linux", "amd64")
_ONCE_PER_HOST = {RequestKind.TOKEN, RequestKind.PING}
_ANSWERED = (Quirk.NONE, Quirk.LARGE, Quirk.OLDEST_FIRST)
_MEDIAN, _P95, _WITH_BULK = 2, 8, 1
_MOVED = 20


@dataclass
class _Services:
    """One service for each repository, on `latest`."""

    wanted: dict[str, Wanted] = field(default_factory=dict)

    async def all(self) -> Sequence[Wanted]:
        return tuple(self.wanted.values())

    async def of_service(self, service_id: str) -> Wanted:
        if service_id not in self.wanted:
            raise NotFound("service not found")
        return self.wanted[service_id]

    async def platform(self) -> Platform:
        return _HOST


@dataclass(frozen=True, slots=True)
class _Named:
    """One digest looked into: what that cost, and whether the name is the truth."""

    requests: int
    right: bool


class _Inference:
    """Version inference in this process, over a database file."""

    def __init__(self, host: str, client: RegistryClient, database: Database, services: _Services) -> None:
        self._host, self._client, self._database, self._services = host, client, database, services
        self._clock = SystemClock()
        self._images, self.versions = ImageStore(database, self._clock), VersionStore(database)
        events = EventRing(self._clock)
        self._queue = TaskQueue(TaskStore(database), events, self._clock)
        self._worker = InferenceWorker(
            self._queue,
            Looker(client, self.versions, self._images, self._clock),
            self.versions,
            DemandBook(services, self._clock),
            events,
            self._clock,
        )

    @classmethod
    @asynccontextmanager
    async def open(cls, host: str, directory: Path, services: _Services) -> AsyncIterator["_Inference"]:
        config = RegistryConfig(directory / "config.json")
        async with (
            Database.open(directory / "versions.sqlite3") as database,
            RegistryClient.open(config, SystemClock()) as client,
        ):
            yield cls(host, client, database, services)

    async def checked(self, truth: RepositoryTruth) -> None:
        """A check saw what `latest` names, as one always has before an update is shown."""
        state = TagState(self._repository(truth), "latest", Digest(truth.latest.digest), self._clock.now())
        async with self._database.write() as connection:
            await self._images.record(connection, [state], ())
        self._images.changed()

    def run(self, truth: RepositoryTruth, *, current: ReleaseTruth, candidate: ReleaseTruth | None) -> None:
        label = current.labels.get("org.opencontainers.image.version")
        self._services.wanted[truth.name] = Wanted(
            service_id=truth.name,
            ref=ImageRef.parse(f"{self._repository(truth)}:latest"),
            tag="latest",
            current=Digest(current.digest),
            candidate=Digest(candidate.digest) if candidate else None,
            labels=(label,) if label else (),
        )

    async def name(self, truth: RepositoryTruth, release: ReleaseTruth) -> _Named:
        key = DigestKey(self._repository(truth), Digest(release.digest), _HOST)
        before = self._requests()
        await self._queue.enqueue([Need(key, InferenceReason.NEW_VERSION)])
        await self._worker.work_once()
        spent = self._requests() - before
        return _Named(spent, await self.right(truth, release))

    async def right(self, truth: RepositoryTruth, release: ReleaseTruth) -> bool:
        """The version is the one shown, and `latest` is among the tags only where it belongs."""
        repository, digest = self._repository(truth), Digest(release.digest)
        known = await self.versions.known([(repository, digest)], _HOST)
        tags = known.tags_of(repository, digest)
        misplaced = "latest" in tags and release.digest != truth.latest.digest
        return resolved(tags, "latest")[:1] == [release.version] and not misplaced

    def _repository(self, truth: RepositoryTruth) -> str:
        return f"{self._host}/{truth.name}"

    def _requests(self) -> int:
        return sum(n for kind, n in self._client.requests_made.items() if kind not in _ONCE_PER_HOST)


async def measure() -> list[Figure]:
    return [
        *await _measured("running and offered", Behaviour(), both=True),
        *await _measured("running alone", Behaviour(), both=False),
        *await _measured("small pages", Behaviour(page=100), both=True),
        *await _measured("bulk API", Behaviour(tag_list=TagList.GOOGLE), both=True, limit=_WITH_BULK),
    ]


async def _measured(
    title: str, behaviour: Behaviour, *, both: bool, limit: int | None = None
) -> list[Figure]:
    stock, services = Stock(), _Services()
    flags = ["--http", "0", *arguments(stock), *arguments(behaviour)]
    with tempfile.TemporaryDirectory(prefix="dockrev-bench-") as directory:
        async with (
            child("bench.synthetic_registry", flags, spare_cpu()) as host,
            RegistryControl.open(host) as control,
        ):
            async with _Inference.open(host, Path(directory), services) as inference:
                await _warm(inference, control.truth)
                first = await _name_all(inference, _usable(control.truth), both=both)
            async with _Inference.open(host, Path(directory), services) as inference:
                again = await _name_all(inference, _usable(control.truth), both=both)
                await _warm(inference, control.truth)
                moved = await _after_a_release(inference, control) if both else []
    return _figures(title, first, again, moved, limit)


async def _warm(inference: _Inference, truth: Mapping[str, RepositoryTruth]) -> None:
    """The first look at a host also finds out how it wants to be asked: not a cost of any one version."""
    some = next(each for each in truth.values() if each.quirk is Quirk.MISSING)
    inference.run(some, current=some.latest, candidate=None)
    await inference.name(some, some.latest)


def _usable(truth: Mapping[str, RepositoryTruth]) -> list[RepositoryTruth]:
    return [each for each in truth.values() if each.quirk in _ANSWERED]


async def _name_all(inference: _Inference, truths: Sequence[RepositoryTruth], *, both: bool) -> list[_Named]:
    named = []
    for truth in truths:
        if both:
            await inference.checked(truth)
            inference.run(truth, current=truth.before, candidate=truth.latest)
            named.append(await inference.name(truth, truth.latest))
        else:
            inference.run(truth, current=truth.before, candidate=None)
        named.append(await inference.name(truth, truth.before))
    return named


async def _after_a_release(inference: _Inference, control: RegistryControl) -> list[_Named]:
    """`latest` and its families move on: the new digest is named, the old one keeps its name and no more."""
    chosen = [each.name for each in _usable(control.truth)[:_MOVED]]
    await control.move(chosen)
    named = []
    for name in chosen:
        truth = control.truth[name]
        await inference.checked(truth)
        inference.run(truth, current=truth.before, candidate=truth.latest)
        new = await inference.name(truth, truth.latest)
        named.append(replace(new, right=new.right and await inference.right(truth, truth.before)))
    return named


def _figures(
    title: str, first: Sequence[_Named], again: Sequence[_Named], moved: Sequence[_Named], limit: int | None
) -> list[Figure]:
    asked = sorted(one.requests for one in first)
    p95 = asked[-(-len(asked) * 95 // 100) - 1]
    figures = [
        count(f"{title}: requests, median", int(statistics.median(asked)), limit or _MEDIAN),
        count(f"{title}: requests, p95", p95, limit or _P95),
        Figure(f"{title}: requests, most", asked[-1]),
        count(f"{title}: requests, seen before", sum(one.requests for one in again), 0),
        _right(title, first),
        _right(f"{title}, restarted", again),
    ]
    if moved:
        figures += [
            count(f"{title}: requests after a release, most", max(one.requests for one in moved), _P95),
            _right(f"{title}, after a release", moved),
        ]
    return figures


def _right(title: str, named: Sequence[_Named]) -> Figure:
    right = sum(one.right for one in named)
    return count(f"{title}: right of {len(named)}", right, len(named), Bound.AT_LEAST)
