"""Which values a rule may have."""

import pytest

from dockrev.ignores.models import MatchKind
from dockrev.ignores.values import fault

EXACT, PREFIX, REGEX, SEMVER = MatchKind.EXACT, MatchKind.PREFIX, MatchKind.REGEX, MatchKind.SEMVER


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (EXACT, "1.2.3"),
        (EXACT, "_edge"),
        (EXACT, "a" * 128),
        (PREFIX, "1."),
        (PREFIX, "v1.2-"),
        (PREFIX, ""),
        (PREFIX, "a" * 128),
        (REGEX, ".*"),
        (REGEX, ""),
        (REGEX, r"(?:\.\d+){2}"),
        (SEMVER, "*"),
        (SEMVER, ">=1, <2"),
    ],
)
def test_a_value_that_can_match_a_tag_is_accepted(kind: MatchKind, value: str) -> None:
    assert fault(kind, value) is None


@pytest.mark.parametrize(
    ("kind", "value", "words"),
    [
        (EXACT, "", "is empty"),
        (EXACT, "  ", "is empty"),
        (EXACT, "a" * 129, "longer than 128 characters"),
        (EXACT, "(", "letters, digits, '_', '.' and '-'"),
        (EXACT, " 1.2.3", "no tag has or begins with this value"),
        (EXACT, "nginx:1.2.3", "no tag has or begins with this value"),
        (EXACT, ".1", "do not begin with '.' or '-'"),
        (EXACT, "sha256:" + "a" * 64, "no tag has or begins with this value"),
        (PREFIX, " ", "no tag has or begins with this value"),
        (PREFIX, "-alpine", "do not begin with '.' or '-'"),
        (PREFIX, "1.2.*", "no tag has or begins with this value"),
        (PREFIX, "ü", "no tag has or begins with this value"),
        (PREFIX, "a" * 129, "longer than 128 characters"),
        (REGEX, "(", "not a regular expression: missing )"),
        (REGEX, "a(?!b)", "invalid perl operator: (?!"),
        (REGEX, "a" * 501, "longer than 500 characters"),
        (SEMVER, "", "not a version requirement"),
        (SEMVER, ">=x", "not a version requirement: '>=x'"),
        (SEMVER, ">=1," * 200, "longer than 500 characters"),
        (SEMVER, ">=3, <2", "no version can meet all"),
    ],
)
def test_a_value_that_can_match_no_tag_has_a_fault(kind: MatchKind, value: str, words: str) -> None:
    assert words in (fault(kind, value) or "")


@pytest.mark.parametrize("kind", MatchKind)
@pytest.mark.parametrize("character", ["\0", "\n", "\t", "\x1b", "\x7f", "\x85", "\ufffd"])
def test_control_characters_are_a_fault(kind: MatchKind, character: str) -> None:
    assert fault(kind, f"1{character}") == "contains a control character, but no tag has one"
