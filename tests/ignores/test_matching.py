"""Matching rules with the tags and versions of a candidate."""

import pytest

from dockrev.ignores.matching import first_match
from dockrev.ignores.models import IgnoreMatch, IgnoreRule, MatchKind
from tests.ignores.building import rule

EXACT, PREFIX, REGEX, SEMVER = MatchKind.EXACT, MatchKind.PREFIX, MatchKind.REGEX, MatchKind.SEMVER


@pytest.mark.parametrize(
    ("kind", "value", "matched", "others"),
    [
        (EXACT, "1.2.3", "1.2.3", "1.2.30 v1.2.3 1.2"),
        (EXACT, "latest", "latest", "Latest latest-alpine"),
        (PREFIX, "1.2.", "1.2. 1.2.3 1.2.x", "1.20.0 v1.2.3 11.2.3"),
        (PREFIX, "", "latest 1", ""),
        (REGEX, r"rc\d", "1.2.3-rc1 rc2", "1.2.3 rcx"),
        (REGEX, r"^2\.", "2.0.0", "1.2.0 12.0.0"),
        (REGEX, ".*", "latest 1.2.3", ""),
        (SEMVER, ">=2.0, <3.0", "2.0.0 v2.1 2", "1.9.9 3.0.0 latest 2.1.0-rc.1"),
    ],
)
def test_each_kind_matches_in_its_own_way(kind: MatchKind, value: str, matched: str, others: str) -> None:
    ignore_rule = rule(kind, value)
    assert [
        tag for tag in matched.split() if first_match([ignore_rule], tag, []) != IgnoreMatch(ignore_rule, tag)
    ] == []
    assert [tag for tag in others.split() if first_match([ignore_rule], tag, []) is not None] == []


@pytest.mark.parametrize(
    "ignore_rule",
    [rule(EXACT, "1.5.1"), rule(PREFIX, "1.5"), rule(REGEX, r"^1\.5"), rule(SEMVER, "^1.5")],
    ids=lambda ignore_rule: str(ignore_rule.kind),
)
def test_a_rule_matches_the_version_of_a_moving_tag(ignore_rule: IgnoreRule) -> None:
    assert first_match([rule(EXACT, "x"), ignore_rule], "latest", ["v1.4.0", "1.5.1"]) == IgnoreMatch(
        ignore_rule, "1.5.1"
    )
    assert first_match([ignore_rule], "latest", ["1.4.0"]) is None
    assert first_match([ignore_rule], "latest", []) is None


def test_the_newest_enabled_rule_is_named() -> None:
    old = rule(REGEX, ".*", name="old")
    new = rule(EXACT, "1", name="new", minutes=1)
    off = rule(EXACT, "1", name="off", minutes=2, enabled=False)
    other = rule(EXACT, "2", name="other", minutes=3)
    for order in ([old, new, off, other], [other, off, new, old]):
        assert first_match(order, "1", []) == IgnoreMatch(new, "1")
        assert first_match(order, "3", []) == IgnoreMatch(old, "3")
    assert first_match([off], "1", []) is None


def test_of_rules_with_the_same_time_the_greater_id_is_newer() -> None:
    first, second = rule(EXACT, "1", name="01"), rule(EXACT, "1", name="02")
    assert first_match([second, first], "1", []) == IgnoreMatch(second, "1")


def test_a_text_longer_than_any_tag_matches_no_rule() -> None:
    ignore_rule = rule(REGEX, ".*")
    assert first_match([ignore_rule], "a" * 128, []) == IgnoreMatch(ignore_rule, "a" * 128)
    assert first_match([ignore_rule], "a" * 129, []) is None
    assert first_match([ignore_rule], "a" * 129, ["1.0.0"]) == IgnoreMatch(ignore_rule, "1.0.0")


def test_the_match_names_the_first_tag_that_fits() -> None:
    ignore_rule = rule(REGEX, r"^1|^latest")
    assert first_match([ignore_rule], "latest", ["1.5.1", "1.5"]) == IgnoreMatch(ignore_rule, "latest")
    assert first_match([ignore_rule], "stable", ["v1.5.1", "1.5.1", "1.5"]) == IgnoreMatch(
        ignore_rule, "1.5.1"
    )


@pytest.mark.parametrize(
    "ignore_rule",
    [rule(REGEX, "("), rule(REGEX, "a(?!b)"), rule(REGEX, r"(a)\1"), rule(SEMVER, "no")],
    ids=str,
)
def test_a_rule_with_an_unreadable_value_matches_nothing(ignore_rule: IgnoreRule) -> None:
    other = rule(REGEX, ".*")
    assert first_match([ignore_rule, other], "a", []) == IgnoreMatch(other, "a")
