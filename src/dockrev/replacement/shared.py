"""Decides which services roll back together, because they share what a rollback moves. No I/O.

An image name means one image on a host, and a volume holds one state of its data. If one of two services that
share either rolled back alone, the other would be left between the old and the new version.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from dockrev.docker.data import BackupTarget, overlap


class Standing(StrEnum):
    ROLLING_BACK = "rolling_back"
    UPDATED = "updated"
    UNTOUCHED = "untouched"
    """It was not reached, or it failed before anything of it was changed."""
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class SharedState:
    """What a rollback of this service moves: its image name, and the data that it restores."""

    service: str
    image_ref: str
    standing: Standing
    data: tuple[BackupTarget, ...] = ()
    stays_failed: bool = False
    """It failed and stays as it is, because automatic rollback is off for it."""


@dataclass(frozen=True, slots=True)
class RollbackGroup:
    """`joining`: why each updated service rolls back too. `left_ahead`: what to warn of, by service."""

    joining: Mapping[str, str]
    left_ahead: Mapping[str, str]


def rollback_group(services: Sequence[SharedState]) -> RollbackGroup:
    """The services that roll back are those that have to, and updated ones that share something with them."""
    ahead = _ahead_of_untouched(services)
    if any(one.stays_failed for one in services):
        joining: dict[str, str] = {}
        left_ahead = {
            name: f"{why}, and starts on the new image at its next compose up" for name, why in ahead.items()
        }
    else:
        joining, left_ahead = {name: f"it {why}" for name, why in ahead.items()}, {}
    rolling = [one for one in services if one.standing is Standing.ROLLING_BACK or one.service in joining]
    others = [one for one in services if one.standing is Standing.UPDATED and one.service not in joining]
    return RollbackGroup(joining | _joining(rolling, others), left_ahead)


def _ahead_of_untouched(services: Sequence[SharedState]) -> dict[str, str]:
    """Updated services whose image name is also that of a service which still runs the old image."""
    behind = {one.image_ref: one.service for one in services if one.standing is Standing.UNTOUCHED}
    return {
        one.service: (
            f"shares the image name {one.image_ref} with {behind[one.image_ref]}, which was not updated"
        )
        for one in services
        if one.standing is Standing.UPDATED and one.image_ref in behind
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


def _shared(one: SharedState, other: SharedState) -> str | None:
    if one.image_ref == other.image_ref:
        return f"the image name {one.image_ref}"
    return next(
        (f"the data of {data}" for data in one.data if any(overlap(data, theirs) for theirs in other.data)),
        None,
    )
