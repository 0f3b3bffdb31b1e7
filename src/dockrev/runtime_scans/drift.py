"""Which services run something else than before. No I/O."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from dockrev.oci.digest import Digest
from dockrev.stacks.displayed_version import DisplayedVersion
from dockrev.stacks.models import Service
from dockrev.stacks.views import ServiceView, StackView


@dataclass(frozen=True, slots=True)
class Seen:
    """What a service ran. `shown` is the digest that stands for it, of several replicas one."""

    digests: frozenset[Digest]
    shown: Digest | None


@dataclass(frozen=True, slots=True)
class Drift:
    """`before` and `now` are the digests that stand for the service, `version` is that of the latter."""

    service: Service
    tag: str
    before: Digest | None
    now: Digest | None
    version: DisplayedVersion

    @property
    def changed(self) -> bool:
        """False when only a replica that does not stand for the service changed."""
        return self.before != self.now


def running_digest(one: ServiceView) -> Digest | None:
    """None while it has no container, or what runs came from no registry."""
    return one.state.digest if one.service.runtime.digests else None


def seen_in(stacks: Iterable[StackView]) -> Mapping[str, Seen]:
    """By the id of the service."""
    services = (one for stack in stacks for one in stack.services)
    return {one.service.id: Seen(one.service.runtime.digests, running_digest(one)) for one in services}


def drifted(before: Mapping[str, Seen], now: Iterable[StackView]) -> tuple[Drift, ...]:
    """Services that run other content than when they were seen; one that was not seen has not changed."""
    services = (one for stack in now for one in stack.services)
    return tuple(
        Drift(one.service, one.state.tag, before[one.service.id].shown, running_digest(one), one.version)
        for one in services
        if one.service.id in before and _differs(before[one.service.id], one.service)
    )


def _differs(before: Seen, now: Service) -> bool:
    digests = now.runtime.digests
    return bool(digests) and digests != before.digests
