"""The rollback group: which services roll back because another one does."""

import pytest

from dockrev.docker.data import BackupTarget, TargetKind
from dockrev.replacement.rollback_group import SharedState, Standing, rollback_group

VOLUME = BackupTarget(TargetKind.VOLUME, "data")
BIND = BackupTarget(TargetKind.BIND, "/srv/data")
INSIDE = BackupTarget(TargetKind.BIND, "/srv/data/uploads")


def rolling(name: str, ref: str | None = None, *data: BackupTarget) -> SharedState:
    return SharedState(name, ref or name, Standing.ROLLING_BACK, data)


def updated(name: str, ref: str | None = None, *data: BackupTarget) -> SharedState:
    return SharedState(name, ref or name, Standing.UPDATED, data)


def joining(*services: SharedState) -> dict[str, str]:
    return dict(rollback_group(services).joining)


def test_a_service_that_shares_nothing_stays_updated() -> None:
    assert joining(rolling("db", None, VOLUME), updated("web", None, BIND), updated("cache")) == {}


def test_services_of_one_image_name_roll_back_together() -> None:
    group = joining(rolling("worker", "app:1"), updated("web", "app:1"), updated("db", "app:2"))
    assert group == {"web": "it shares the image name app:1 with worker, which rolls back"}


@pytest.mark.parametrize(("ours", "theirs"), [(VOLUME, VOLUME), (BIND, BIND), (BIND, INSIDE), (INSIDE, BIND)])
def test_services_that_share_data_roll_back_together(ours: BackupTarget, theirs: BackupTarget) -> None:
    group = joining(rolling("db", None, ours), updated("web", None, theirs))
    assert group == {"web": f"it shares the data of {ours} with db, which rolls back"}


def test_a_service_that_joins_brings_those_that_share_something_with_it() -> None:
    others = (updated("far", "far", BIND), updated("near", "app:1", BIND), updated("other"))
    assert joining(rolling("worker", "app:1"), *others) == {
        "near": "it shares the image name app:1 with worker, which rolls back",
        "far": "it shares the data of path /srv/data with near, which rolls back",
    }


def test_only_updated_services_join() -> None:
    others = (
        SharedState("skipped", "app:1", Standing.OTHER),
        SharedState("failed", "app:1", Standing.UNTOUCHED),
    )
    assert joining(rolling("worker", "app:1"), *others) == {}


def untouched(name: str, ref: str, *, stays_failed: bool = False) -> SharedState:
    return SharedState(name, ref, Standing.UNTOUCHED, stays_failed=stays_failed)


def test_an_updated_service_joins_when_another_with_its_image_name_was_not_updated() -> None:
    services = (updated("web", "app:1"), rolling("broker"), untouched("worker", "app:1"))
    assert joining(*services) == {"web": "it shares the image name app:1 with worker, which was not updated"}


def test_a_service_that_joins_for_its_image_name_brings_those_that_share_its_data() -> None:
    services = (updated("web", "app:1", VOLUME), untouched("worker", "app:1"), updated("files", None, VOLUME))
    assert set(joining(*services)) == {"web", "files"}


def test_when_a_failed_service_stays_nothing_joins_and_the_operator_is_warned() -> None:
    failed = SharedState("broker", "broker", Standing.OTHER, stays_failed=True)
    group = rollback_group((updated("web", "app:1"), failed, untouched("worker", "app:1")))
    assert group.joining == {}
    assert group.left_ahead == {
        "web": (
            "shares the image name app:1 with worker, which was not updated and will start on the new image"
            " at its next compose up"
        )
    }
