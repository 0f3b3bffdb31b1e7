"""A release that was built and pushed again has a new digest under the same tag."""

import pytest

from dockrev.inference.infer import AskHeads, AskList, LookupInput
from tests.inference.test_infer import NOON, SEMVER, Oracle, believed, digest


def test_a_rebuilt_newest_version_costs_one_more_head() -> None:
    oracle = Oracle(SEMVER | {"1.11.11": "again", "latest": "again"})
    case = LookupInput(digest("again"), ("latest",), facts=believed(SEMVER), asked_at=NOON)
    assert "1.11.11" in oracle.run(case)
    assert oracle.asked == [AskList(), AskHeads(("1.11.11",), 1)]


@pytest.mark.parametrize(("force", "most"), [(False, 8), (True, 40)])
def test_a_limited_number_of_known_versions_is_asked_again(force: bool, most: int) -> None:
    oracle = Oracle(SEMVER)
    case = LookupInput(digest("lost"), ("latest",), facts=believed(SEMVER), force=force, asked_at=NOON)
    assert oracle.run(case) == set()
    assert len(oracle.heads()) == most


def test_a_tag_that_was_seen_after_the_lookup_was_ordered_is_not_asked_again() -> None:
    oracle = Oracle(SEMVER)
    assert oracle.run(LookupInput(digest("lost"), facts=believed(SEMVER, NOON), asked_at=NOON)) == set()
    assert oracle.asked == [AskList()]


def test_a_rebuilt_newest_version_is_asked_before_older_unknown_versions() -> None:
    oracle = Oracle(SEMVER | {"1.11.11": "again"})
    facts = believed({"1.11.11": "1.11.11"})
    assert oracle.run(LookupInput(digest("again"), facts=facts, asked_at=NOON)) == {"1.11.11"}
    assert oracle.heads() == ["1.11.11"]


def test_a_rebuilt_release_is_asked_before_a_newer_unknown_prerelease() -> None:
    oracle = Oracle(SEMVER | {"1.12.0-rc.1": "rc", "1.11.11": "again"})
    facts = believed({"1.11.11": "1.11.11"})
    assert oracle.run(LookupInput(digest("again"), facts=facts, asked_at=NOON)) == {"1.11.11"}
    assert oracle.heads() == ["1.11.11"]


def test_a_rebuilt_release_is_asked_right_after_a_newer_unknown_release() -> None:
    oracle = Oracle(SEMVER | {"1.12.0": "1.12.0", "1.11.11": "again"})
    facts = believed({"1.11.11": "1.11.11"})
    assert oracle.run(LookupInput(digest("again"), facts=facts, asked_at=NOON)) == {"1.11.11"}
    assert oracle.heads() == ["1.12.0", "1.11.11"]


def test_many_unknown_versions_leave_requests_for_a_rebuilt_one() -> None:
    oracle = Oracle(SEMVER | {"1.10.7": "again"})
    facts = believed({"1.11.11": "1.11.11", "1.10.7": "1.10.7"})
    assert oracle.run(LookupInput(digest("again"), facts=facts, asked_at=NOON)) == {"1.10.7"}
    assert len(oracle.heads()) == 40
