"""A release that was built and pushed again has a new digest under the same tag."""

import pytest

from dockrev.inference.infer import AskHeads, AskList, LookupInput
from tests.inference.test_infer import NOON, SEMVER, Oracle, believed, digest


def test_the_newest_version_that_was_pushed_again_is_found_by_one_head_more() -> None:
    oracle = Oracle(SEMVER | {"1.11.11": "again", "latest": "again"})
    case = LookupInput(digest("again"), ("latest",), facts=believed(SEMVER), asked_at=NOON)
    assert "1.11.11" in oracle.run(case)
    assert oracle.asked == [AskList(), AskHeads(("1.11.11",), 1)]


@pytest.mark.parametrize(("force", "most"), [(False, 8), (True, 40)])
def test_versions_that_still_stand_are_asked_again_within_bounds(force: bool, most: int) -> None:
    oracle = Oracle(SEMVER)
    case = LookupInput(digest("lost"), ("latest",), facts=believed(SEMVER), force=force, asked_at=NOON)
    assert oracle.run(case) == set()
    assert len(oracle.heads()) == most


def test_what_was_seen_since_the_question_was_raised_is_not_asked_again() -> None:
    oracle = Oracle(SEMVER)
    assert oracle.run(LookupInput(digest("lost"), facts=believed(SEMVER, NOON), asked_at=NOON)) == set()
    assert oracle.asked == [AskList()]


def test_the_newest_version_that_was_pushed_again_is_asked_for_before_older_unknown_ones() -> None:
    oracle = Oracle(SEMVER | {"1.11.11": "again"})
    facts = believed({"1.11.11": "1.11.11"})
    assert oracle.run(LookupInput(digest("again"), facts=facts, asked_at=NOON)) == {"1.11.11"}
    assert oracle.heads() == ["1.11.11"]


def test_a_rebuilt_release_is_asked_for_before_an_unknown_prerelease_that_is_newer() -> None:
    oracle = Oracle(SEMVER | {"1.12.0-rc.1": "rc", "1.11.11": "again"})
    facts = believed({"1.11.11": "1.11.11"})
    assert oracle.run(LookupInput(digest("again"), facts=facts, asked_at=NOON)) == {"1.11.11"}
    assert oracle.heads() == ["1.11.11"]


def test_a_rebuilt_release_is_asked_for_right_after_an_unknown_newer_one() -> None:
    oracle = Oracle(SEMVER | {"1.12.0": "1.12.0", "1.11.11": "again"})
    facts = believed({"1.11.11": "1.11.11"})
    assert oracle.run(LookupInput(digest("again"), facts=facts, asked_at=NOON)) == {"1.11.11"}
    assert oracle.heads() == ["1.12.0", "1.11.11"]


def test_many_unknown_versions_leave_requests_for_the_one_that_was_pushed_again() -> None:
    oracle = Oracle(SEMVER | {"1.10.7": "again"})
    facts = believed({"1.11.11": "1.11.11", "1.10.7": "1.10.7"})
    assert oracle.run(LookupInput(digest("again"), facts=facts, asked_at=NOON)) == {"1.10.7"}
    assert len(oracle.heads()) == 40
