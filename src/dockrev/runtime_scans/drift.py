"""Finds the services that run another image than at the last scan. No I/O."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from dockrev.oci.digest import Digest
from dockrev.stacks.displayed_version import DisplayedVersion
from dockrev.stacks.models import Service
from dockrev.stacks.views import ServiceView, StackView


@dataclass(frozen=True, slots=True)
class Seen:
    """The digests of a service at a scan. `shown`: the digest that the API shows, which is one replica's."""

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


def running_digest(view: ServiceView) -> Digest | None:
    """None when the service has no container, or when its image came from no registry."""
    return view.state.digest if view.service.runtime.digests else None


def seen_in(stacks: Iterable[StackView]) -> Mapping[str, Seen]:
    """The digests by service id."""
    views = (view for stack in stacks for view in stack.services)
    return {view.service.id: Seen(view.service.runtime.digests, running_digest(view)) for view in views}


def drifted(before: Mapping[str, Seen], now: Iterable[StackView]) -> tuple[Drift, ...]:
    """The services that run another image than before. New services do not count."""
    views = (view for stack in now for view in stack.services)
    return tuple(
        Drift(view.service, view.state.tag, before[view.service.id].shown, running_digest(view), view.version)
        for view in views
        if view.service.id in before and _differs(before[view.service.id], view.service)
    )


def _differs(before: Seen, now: Service) -> bool:
    digests = now.runtime.digests
    return bool(digests) and digests != before.digests
