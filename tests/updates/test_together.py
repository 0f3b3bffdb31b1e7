"""Which services go back because another one does."""

import pytest

from dockrev.docker.data import BackupTarget, TargetKind
from dockrev.updates.together import Tie, Tied, tied_to

VOLUME = BackupTarget(TargetKind.VOLUME, "data")
BIND = BackupTarget(TargetKind.BIND, "/srv/data")
INSIDE = BackupTarget(TargetKind.BIND, "/srv/data/uploads")


def tie(name: str, ref: str | None = None, *data: BackupTarget) -> Tie:
    return Tie(name, ref or name, data)


def test_nothing_in_common_stays_as_it_is() -> None:
    assert tied_to([tie("db", None, VOLUME)], [tie("web", None, BIND), tie("cache")]) == []


def test_the_same_image_name_means_one_image() -> None:
    tied = tied_to([tie("worker", "app:1")], [tie("web", "app:1"), tie("db", "app:2")])
    assert tied == [Tied("web", "it shares the image name app:1 with worker, which goes back")]


@pytest.mark.parametrize(("ours", "theirs"), [(VOLUME, VOLUME), (BIND, BIND), (BIND, INSIDE), (INSIDE, BIND)])
def test_data_has_one_state(ours: BackupTarget, theirs: BackupTarget) -> None:
    tied = tied_to([tie("db", None, ours)], [tie("web", None, theirs)])
    assert tied == [Tied("web", f"it shares the data of {ours} with db, which goes back")]


def test_one_that_comes_along_brings_those_that_share_something_with_it() -> None:
    others = [tie("far", "far", BIND), tie("near", "app:1", BIND), tie("other")]
    assert tied_to([tie("worker", "app:1")], others) == [
        Tied("near", "it shares the image name app:1 with worker, which goes back"),
        Tied("far", "it shares the data of path /srv/data with near, which goes back"),
    ]
