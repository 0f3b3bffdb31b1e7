"""How the parts of an update add up."""

from itertools import pairwise

import pytest

from dockrev.updates.models import Step
from dockrev.updates.shares import BACKUP_SHARE, Phase, Place

PREPARING = (Step.RECORD, Step.PREFLIGHT)
APPLYING = (Step.PULL, Step.TAG, Step.APPLY, Step.VERIFY, Step.PROVE, Step.SETTLE)


@pytest.mark.parametrize("services", [1, 2, 5])
def test_an_update_only_goes_forward(services: int) -> None:
    """All are prepared before the first is applied."""
    places = [Place(index, services) for index in range(services)]
    prepared = [place.done(step).fraction for place in places for step in PREPARING]
    applied = [place.done(step).fraction for place in places for step in APPLYING]

    assert all(before < after for before, after in pairwise([0, *prepared]))
    assert prepared[-1] == BACKUP_SHARE
    assert all(before < after for before, after in pairwise([BACKUP_SHARE, *applied]))
    assert applied[-1] == pytest.approx(0.95)


def test_each_service_has_an_equal_part() -> None:
    assert [Place(index, 4).done(Step.SETTLE).fraction for index in range(4)] == pytest.approx(
        [0.35, 0.55, 0.75, 0.95]
    )


def test_a_pull_moves_with_its_bytes() -> None:
    place = Place(0, 1)
    shares = [place.pulling(done, 100) for done in (0, 50, 100)]

    assert [one.fraction for one in shares] == pytest.approx([0.214, 0.382, 0.55])
    assert shares[-1].fraction < place.done(Step.PULL).fraction
    assert place.pulling(0, 0) == shares[0]


@pytest.mark.parametrize(("step", "phase"), [(Step.RECORD, Phase.PREPARE), (Step.PULL, Phase.APPLY)])
def test_a_phase_says_whether_anything_is_changed(step: Step, phase: Phase) -> None:
    assert Place(0, 1).done(step).phase is phase
