"""Which services run something else than before. No I/O."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from dockrev.oci.digest import Digest
from dockrev.stacks.appraisal import AppraisedService, AppraisedStack
from dockrev.stacks.models import Service


@dataclass(frozen=True, slots=True)
class Drift:
    """`before` and `now` are the digests that stand for the service, of several replicas one."""

    service: Service
    tag: str
    before: Digest | None
    now: Digest | None

    @property
    def changed(self) -> bool:
        """False when only a replica that does not stand for the service changed."""
        return self.before != self.now


def running_digest(one: AppraisedService) -> Digest | None:
    """None while it has no container, or what runs came from no registry."""
    return one.verdict.digest if one.service.runtime.digests else None


def drifted(before: Iterable[AppraisedStack], after: Iterable[AppraisedStack]) -> tuple[Drift, ...]:
    """Services on record before that run other content now; one that has just been found has not changed."""
    known = _by_id(before)
    return tuple(
        Drift(one.service, one.verdict.tag, running_digest(known[service_id]), running_digest(one))
        for service_id, one in _by_id(after).items()
        if service_id in known and _differs(known[service_id].service, one.service)
    )


def _differs(before: Service, now: Service) -> bool:
    digests = now.runtime.digests
    return bool(digests) and digests != before.runtime.digests


def _by_id(stacks: Iterable[AppraisedStack]) -> Mapping[str, AppraisedService]:
    return {one.service.id: one for stack in stacks for one in stack.services}
