"""Decides which services roll back together, because they share an image name or data. No I/O.

An image name means one image on a host, and a volume holds one state of its data. Suppose two services share
one of them. If only one rolled back, the other would mix the old and the new version.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from dockrev.docker.data import BackupTarget, overlap


class Standing(StrEnum):
    ROLLING_BACK = "rolling_back"
    UPDATED = "updated"
    UNTOUCHED = "untouched"
    """The update did not get to it, or it failed before anything of it changed."""
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class SharedState:
    """What a rollback of this service changes: its image name, and the data that it restores."""

    service: str
    image_ref: str
    standing: Standing
    data: tuple[BackupTarget, ...] = ()
    stays_failed: bool = False
    """The service failed and stays as it is, because automatic rollback is off for it."""


@dataclass(frozen=True, slots=True)
class RollbackGroup:
    """`joining`: why each of these updated services rolls back too. `left_ahead`: the warning about each
    service that stays updated although another one with its image name was not updated.
    """

    joining: Mapping[str, str]
    left_ahead: Mapping[str, str]


def rollback_group(services: Sequence[SharedState]) -> RollbackGroup:
    """The services that have to roll back, and the updated services that share something with them."""
    ahead = _ahead_of_untouched(services)
    if any(service.stays_failed for service in services):
        joining: dict[str, str] = {}
        left_ahead = {
            name: f"{why} and will start on the new image at its next compose up"
            for name, why in ahead.items()
        }
    else:
        joining, left_ahead = {name: f"it {why}" for name, why in ahead.items()}, {}
    rolling = [each for each in services if each.standing is Standing.ROLLING_BACK or each.service in joining]
    others = [each for each in services if each.standing is Standing.UPDATED and each.service not in joining]
    return RollbackGroup(joining | _joining(rolling, others), left_ahead)


def _ahead_of_untouched(services: Sequence[SharedState]) -> dict[str, str]:
    """The updated services that share their image name with a service which still runs the old image."""
    behind = {each.image_ref: each.service for each in services if each.standing is Standing.UNTOUCHED}
    return {
        each.service: (
            f"shares the image name {each.image_ref} with {behind[each.image_ref]}, which was not updated"
        )
        for each in services
        if each.standing is Standing.UPDATED and each.image_ref in behind
    }


def _joining(rolling: Collection[SharedState], others: Sequence[SharedState]) -> dict[str, str]:
    joining: dict[str, str] = {}
    group, left = list(rolling), list(others)
    for member in group:  # the list grows while the loop runs
        for other in tuple(left):
            if shared := _shared(member, other):
                joining[other.service] = f"it shares {shared} with {member.service}, which rolls back"
                group.append(other)
                left.remove(other)
    return joining


def _shared(member: SharedState, other: SharedState) -> str | None:
    if member.image_ref == other.image_ref:
        return f"the image name {member.image_ref}"
    for data in member.data:
        if any(overlap(data, theirs) for theirs in other.data):
            return f"the data of {data}"
    return None
