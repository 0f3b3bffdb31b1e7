"""Who wants to know what: the services whose versions are shown."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from dockrev.clock import Clock
from dockrev.oci.digest import Digest
from dockrev.oci.platform import Platform
from dockrev.oci.ref import ImageRef
from dockrev.versions.models import DigestKey
from dockrev.versions.state import Subject
from dockrev.versions.tags import is_strict_semver

_FRESH = timedelta(seconds=30)
"""How long what the services want is taken for granted."""


@dataclass(frozen=True, slots=True)
class ServiceImage:
    """A service's image. `current` is what runs, `candidate` what its registry offers instead.

    `labels`: what the local image calls its own version (`org.opencontainers.image.version`).
    `checked`: False for a service that shows no version; it is looked into when somebody asks, not before.
    """

    service_id: str
    ref: ImageRef
    tag: str
    current: Digest | None = None
    candidate: Digest | None = None
    labels: tuple[str, ...] = ()
    archived: bool = False
    checked: bool = True

    @property
    def digests(self) -> tuple[Digest, ...]:
        """The candidate first: what it is asked for answers most of what the other one is asked for too."""
        return tuple(digest for digest in (self.candidate, self.current) if digest)

    @property
    def needs_inference(self) -> bool:
        return self.checked and bool(self.digests) and not is_strict_semver(self.tag)

    @property
    def subject(self) -> Subject:
        return Subject(self.ref.repository, self.tag, self.digests, is_strict_semver(self.tag))


class Demand(Protocol):
    """What the services of this host want to know, as of now."""

    async def all(self) -> Sequence[ServiceImage]:
        """Every service whose image reference can be read, archived and unchecked ones too."""
        ...

    async def of_service(self, service_id: str) -> ServiceImage:
        """Raises NotFound for an unknown service, InvalidArgument when its image reference is unusable."""
        ...

    async def platform(self) -> Platform: ...


@dataclass(frozen=True, slots=True)
class DigestContext:
    """A digest to be looked into, with all that may help. `raw_tags`: what the services are configured to.

    `runs`: it does everywhere, and is news nowhere. `required`: some service shows no version without it.
    """

    ref: ImageRef
    raw_tags: tuple[str, ...]
    labels: tuple[str, ...]
    runs: bool
    required: bool


def targets(wanted: Iterable[ServiceImage], platform: Platform) -> dict[DigestKey, DigestContext]:
    """Services that share a digest share its target."""
    grouped: defaultdict[DigestKey, list[tuple[ServiceImage, bool]]] = defaultdict(list)
    for one in wanted:
        for digest in one.digests:
            key = DigestKey(one.ref.repository, digest, platform)
            grouped[key].append((one, digest == one.current))
    return {key: _target(found) for key, found in grouped.items()}


def _target(found: Sequence[tuple[ServiceImage, bool]]) -> DigestContext:
    labels = (label for one, runs in found if runs for label in one.labels)
    return DigestContext(
        ref=found[0][0].ref,
        raw_tags=tuple(dict.fromkeys(one.tag for one, _ in found if one.tag)),
        labels=tuple(dict.fromkeys(labels)),
        runs=all(runs for _, runs in found),
        required=any(one.needs_inference for one, _ in found),
    )


class DemandBook:
    """Who wants what, read again when it may have changed."""

    def __init__(self, demand: Demand, clock: Clock) -> None:
        self._demand = demand
        self._clock = clock
        self._targets: Mapping[DigestKey, DigestContext] = {}
        self._read_at: datetime | None = None

    async def find(self, key: DigestKey) -> DigestContext | None:
        """None: no service runs or is offered this digest any more."""
        if key not in self._targets:
            self._read_at = None
        return (await self.all()).get(key)

    async def all(self) -> Mapping[DigestKey, DigestContext]:
        now = self._clock.now()
        if self._read_at is None or now - self._read_at >= _FRESH:
            self._targets = targets(await self._demand.all(), await self._demand.platform())
            self._read_at = now
        return self._targets

    async def platform(self) -> Platform:
        return await self._demand.platform()
