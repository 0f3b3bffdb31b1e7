"""Which services have to go back together, since they share what a rollback moves. No I/O.


An image's name means one image on a host, and a volume holds one state of the data. When one of two services
that share either goes back, the other would be left between the old and the new.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from dockrev.docker.data import BackupTarget, overlap


@dataclass(frozen=True, slots=True)
class Tie:
    """What a service that goes back takes with it: the name of its image, and the data that is restored."""

    service: str
    image_ref: str
    data: tuple[BackupTarget, ...]

    def reason(self, other: "Tie") -> str | None:
        """What it shares with the other, in words."""
        if self.image_ref == other.image_ref:
            return f"the image name {self.image_ref}"
        shared = (one for one in self.data if any(overlap(one, theirs) for theirs in other.data))
        return next((f"the data of {one}" for one in shared), None)


@dataclass(frozen=True, slots=True)
class Tied:
    """`because`: what it shares, and with whom."""

    service: str
    because: str


def tied_to(fallen: Collection[Tie], others: Sequence[Tie]) -> list[Tied]:
    """Those of the others that share something with a fallen one, or with one that goes back for that."""
    going, found, left = list(fallen), list[Tied](), list(others)
    for one in going:  # grows while it is gone through
        for other in tuple(left):
            if shared := one.reason(other):
                found.append(Tied(other.service, f"it shares {shared} with {one.service}, which goes back"))
                going.append(other)
                left.remove(other)
    return found
