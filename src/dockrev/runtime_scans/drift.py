"""Which services run another image than at the last scan. No I/O."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from dockrev.oci.digest import Digest
from dockrev.stacks.displayed_version import DisplayedVersion
from dockrev.stacks.models import Service
from dockrev.stacks.views import ServiceView, StackView


@dataclass(frozen=True, slots=True)
class Seen:
    """What a service ran. `shown`: the digest that the API shows, that of one replica."""

    digests: frozenset[Digest]
    shown: Digest | None


@dataclass(frozen=True, slots=True)
class Drift:
    """`before` and `now` are the digests that the API shows; `version` belongs to `now`."""

    service: Service
    tag: str
    before: Digest | None
    now: Digest | None
    version: DisplayedVersion

    @property
    def changed(self) -> bool:
        """False when only a replica changed whose digest the API does not show."""
        return self.before != self.now


def running_digest(one: ServiceView) -> Digest | None:
    """None without a container, or when the image that runs came from no registry."""
    return one.state.digest if one.service.runtime.digests else None


def seen_in(stacks: Iterable[StackView]) -> Mapping[str, Seen]:
    """By the id of the service."""
    services = (one for stack in stacks for one in stack.services)
    return {one.service.id: Seen(one.service.runtime.digests, running_digest(one)) for one in services}


def drifted(before: Mapping[str, Seen], now: Iterable[StackView]) -> tuple[Drift, ...]:
    """Services that run other content than before. A service that is new has not changed."""
    services = (one for stack in now for one in stack.services)
    return tuple(
        Drift(one.service, one.state.tag, before[one.service.id].shown, running_digest(one), one.version)
        for one in services
        if one.service.id in before and _differs(before[one.service.id], one.service)
    )


def _differs(before: Seen, now: Service) -> bool:
    digests = now.runtime.digests
    return bool(digests) and digests != before.digests
