"""How the parts of an update add up."""

from itertools import pairwise

import pytest

from dockrev.replacement.steps import CHANGING_STEPS, PREPARING_STEPS
from dockrev.updates.progress import BACKUP_SHARE, ServicePosition, UpdatePhase


@pytest.mark.parametrize("services", [1, 2, 5])
def test_an_update_only_goes_forward(services: int) -> None:
    """All services are prepared before the first is changed."""
    places = [ServicePosition(index, services) for index in range(services)]
    prepared = [place.done(step.name).fraction for place in places for step in PREPARING_STEPS]
    applied = [place.done(step.name).fraction for place in places for step in CHANGING_STEPS]

    assert all(before < after for before, after in pairwise([0, *prepared]))
    assert prepared[-1] == BACKUP_SHARE
    assert all(before < after for before, after in pairwise([BACKUP_SHARE, *applied]))
    assert applied[-1] == pytest.approx(0.95)


def test_each_service_has_an_equal_part() -> None:
    assert [ServicePosition(index, 4).done("settle").fraction for index in range(4)] == pytest.approx(
        [0.35, 0.55, 0.75, 0.95]
    )


def test_a_pull_moves_with_its_bytes() -> None:
    place = ServicePosition(0, 1)
    shares = [place.pulling(done, 100) for done in (0, 50, 100)]

    assert [one.fraction for one in shares] == pytest.approx([0.214, 0.382, 0.55])
    assert shares[-1].fraction < place.done("pull").fraction
    assert place.pulling(0, 0) == shares[0]


@pytest.mark.parametrize(("step", "phase"), [("record", UpdatePhase.PREPARE), ("pull", UpdatePhase.APPLY)])
def test_a_phase_says_whether_anything_is_changed(step: str, phase: UpdatePhase) -> None:
    assert ServicePosition(0, 1).done(step).phase is phase
