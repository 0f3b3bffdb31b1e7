"""Which regular expressions are taken, and that none of them can take long."""

import re
from contextlib import suppress

import pytest

from dockrev.ignores.patterns import MAX_TAG_LENGTH, compiled

SOUND = [
    r".*",
    r"",
    r"^v?\d+\.\d+\.\d+$",
    r"^v?\d+\.\d+\.\d+-rc\d+$",
    r"^5\.(3|4)\.",
    r"(alpha|beta|rc)\.?\d*",
    r"-(alpine|slim)$",
    r"(-rc\d+)?$",
    r"^2024\.1[0-2]\.",
    r"(?i)nightly|EDGE",
    r"[a-z]+-\d+",
    r"^(?:1|2)\.\d{1,3}$",
    r"^[0-9a-f]{40}$",
    r"^.*-ls\d+$",
    r"^\d+(?:\.\d+)?(?:-.*)?$",
    r"(ab){2,5}",
    r"[[]",
    r"a|b|c|d|e",
    r"(?P<major>\d+)\.x",
]


@pytest.mark.parametrize("pattern", SOUND)
@pytest.mark.parametrize(
    "text", ["1.2.3", "v5.3.1-rc2", "latest", "2024.11.0b3", "1.2.3-alpine", "a" * 128, "1" * 128, ""]
)
def test_a_sound_pattern_means_what_it_always_means(pattern: str, text: str) -> None:
    expected = re.compile(pattern, re.ASCII) if pattern != "[[]" else re.compile(r"\[")
    assert bool(compiled(pattern).search(text)) == bool(expected.search(text))


@pytest.mark.parametrize(
    "pattern",
    [
        r"(a+)+$",
        r"(a*)*b",
        r"(a|aa)+$",
        r"(.*)*",
        r"(\w+\d?)+x",
        r"((a+)b?)+c",
        r"(a?){30}a{30}",
        r".*.*.*.*x",
        r"\d*\d*\d*\d*x",
        r"[a-z]+[a-m]+[b-z]+[a-z]+x",
        r"(?i)A+a+A+a+x",
        r"a?" * 30 + "a" * 30,
        r"(x{1,100}){1,100}y",
        r"(.+-)+.+-.+",
    ],
)
def test_a_pattern_that_could_take_long_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"repetitions|repeated group"):
        compiled(pattern)


@pytest.mark.parametrize(
    "pattern", [r"(a)\1", r"(?P<x>a)(?P=x)", r"a(?=b)", r"a(?!b)", r"(?<=a)b", r"(a)?(?(1)b|c)", r"(?>a)"]
)
def test_what_looks_around_or_back_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match="not supported"):
        compiled(pattern)


@pytest.mark.parametrize(
    "pattern", ["(", "[z-a]", "*a", "a{2,1}", "\\", "(?P<x>a)(?P<x>b)", "(?u)a", "a(?i)b", "a{9999999999999}"]
)
def test_what_does_not_compile_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match="not a regular expression"):
        compiled(pattern)


def test_the_length_is_bounded() -> None:
    assert compiled("a" * 500).pattern == "a" * 500
    with pytest.raises(ValueError, match="longer than 500"):
        compiled("a" * 501)


@pytest.mark.parametrize("depth", [20, 90, 150, 249])
def test_deep_nesting_is_taken_or_refused(depth: int) -> None:
    """How deep depends on the stack that is left; refusing is all it may do."""
    with suppress(ValueError):
        assert compiled("(" * depth + "a" + ")" * depth).search("xa")


@pytest.mark.parametrize("pattern", [r".*.*x", r"^.*.*.*x", r"[a-z]+[a-z]+x", r".*a.*x"])
def test_the_worst_that_is_taken_still_ends(pattern: str) -> None:
    assert compiled(pattern).search("a" * MAX_TAG_LENGTH) is None
