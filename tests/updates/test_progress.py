"""The progress of an update: the shares of its parts."""

from itertools import pairwise

import pytest

from dockrev.replacement.steps import CHANGING_STEPS, PREPARING_STEPS
from dockrev.updates.progress import BACKUP_SHARE, ServicePosition, UpdatePhase


@pytest.mark.parametrize("services", [1, 2, 5])
def test_progress_never_decreases(services: int) -> None:
    """All services are prepared before the first one changes."""
    places = [ServicePosition(index, services) for index in range(services)]
    prepared = [place.done(step.name).fraction for place in places for step in PREPARING_STEPS]
    applied = [place.done(step.name).fraction for place in places for step in CHANGING_STEPS]

    assert all(before < after for before, after in pairwise([0, *prepared]))
    assert prepared[-1] == BACKUP_SHARE
    assert all(before < after for before, after in pairwise([BACKUP_SHARE, *applied]))
    assert applied[-1] == pytest.approx(0.95)


def test_each_service_has_an_equal_share_of_the_progress() -> None:
    assert [ServicePosition(index, 4).done("settle").fraction for index in range(4)] == pytest.approx(
        [0.35, 0.55, 0.75, 0.95]
    )


def test_the_progress_of_a_pull_follows_its_bytes() -> None:
    place = ServicePosition(0, 1)
    shares = [place.pulling(done, 100) for done in (0, 50, 100)]

    assert [one.fraction for one in shares] == pytest.approx([0.214, 0.382, 0.55])
    assert shares[-1].fraction < place.done("pull").fraction
    assert place.pulling(0, 0) == shares[0]


@pytest.mark.parametrize(("step", "phase"), [("record", UpdatePhase.PREPARE), ("pull", UpdatePhase.APPLY)])
def test_only_the_apply_phase_changes_anything(step: str, phase: UpdatePhase) -> None:
    assert ServicePosition(0, 1).done(step).phase is phase
