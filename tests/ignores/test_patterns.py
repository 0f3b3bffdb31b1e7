"""Regular expressions: which ones are accepted, what they mean, and that a search is always fast."""

import re
import time
from collections.abc import Callable
from functools import partial

import pytest

from dockrev.ignores.patterns import compiled

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
    r"(?:\.\d+){2}",
    r"^\d+(?:\.\d+){1,3}(?:-(?:rc|beta)\.?\d+){0,2}$",
    r"(\.\d+)*$",
    r"(a|aa)+$",
    r"a|b|c|d|e",
    r"(?P<major>\d+)\.x",
    r"\bbeta\b",
]


@pytest.mark.parametrize("pattern", SOUND)
@pytest.mark.parametrize(
    "text", ["1.2.3", "v5.3.1-rc2", "latest", "2024.11.0b3", "1.2.3-alpine", "a" * 128, "1" * 128, ""]
)
def test_a_pattern_has_its_usual_meaning(pattern: str, text: str) -> None:
    assert bool(compiled(pattern).search(text)) == bool(re.compile(pattern, re.ASCII).search(text))


@pytest.mark.parametrize(
    ("pattern", "matched", "other"),
    [
        (r"[[]", "[", "a"),
        (r"\z", "a", None),
        (r"(?<major>\d)\.x", "1.x", "x"),
        (r"a(?i)b", "aB", "AB"),
        (r"[[:digit:]]", "1", "a"),
        (r"\d", "1", "\u0663"),
        (r"^1$", "1", "1\n"),
        (r"\p{Lu}", "A", "a"),
    ],
)
def test_the_syntax_is_that_of_re2(pattern: str, matched: str, other: str | None) -> None:
    assert compiled(pattern).search(matched)
    assert other is None or not compiled(pattern).search(other)


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("(", "missing ): ("),
        ("[z-a]", "invalid character class range: z-a"),
        ("*a", "no argument for repetition operator: *"),
        ("a{2,1}", "invalid repetition size: {2,1}"),
        ("a{1001}", "invalid repetition size: {1001}"),
        ("\\", "trailing \\"),
        (r"(a)\1", "invalid escape sequence: \\1"),
        (r"(?P=x)", "invalid perl operator: (?P"),
        (r"a(?=b)", "invalid perl operator: (?="),
        (r"a(?!b)", "invalid perl operator: (?!"),
        (r"(?<=a)b", "invalid perl operator: (?<="),
        (r"(?>a)", "invalid perl operator: (?>"),
        (r"(x{1,100}){1,100}y", "invalid repetition size: {1,100}"),
        (r"\pL{300}", "pattern too large - compile failed"),
    ],
)
def test_a_refusal_has_the_message_of_re2(
    capfd: pytest.CaptureFixture[str], pattern: str, words: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(f"not a regular expression: {words}")):
        compiled(pattern)
    assert capfd.readouterr() == ("", ""), "nothing is written past the log"


def test_a_pattern_that_cannot_be_encoded_is_refused() -> None:
    with pytest.raises(ValueError, match="surrogates"):
        compiled("a\ud800")


def test_a_long_pattern_is_refused() -> None:
    assert compiled("a" * 500).search("a" * 500)
    with pytest.raises(ValueError, match="longer than 500"):
        compiled("a" * 501)


def test_deep_nesting_does_no_harm() -> None:
    assert compiled("(" * 249 + "a" + ")" * 249).search("xa")


@pytest.mark.parametrize(
    "pattern",
    [
        r"(a+)+$",
        r"(a*)*b",
        r"(a|aa)+$",
        r"(.*)*x",
        r".*.*.*.*x",
        r"(.+-)+.+-.+",
        r"(?:(?:ab|ba|aa)+x?)+y",
    ],
)
def test_the_time_of_a_search_grows_linearly_with_the_text(pattern: str) -> None:
    """With `re`, each further letter would double the time of these, or the time would grow as length^4."""
    search = compiled(pattern).search
    sooner = effort(partial(search, "a" * 11 + "!"))
    for length in (22, 88, 352, 1_408, 5_632, 22_528):
        later = effort(partial(search, "a" * length + "!"))
        assert later <= 12 * sooner, f"{length} letters"
        sooner = later


def effort(action: Callable[[], object]) -> int:
    """The CPU time of this thread in nanoseconds, the least of some tries."""
    tries = []
    for _ in range(7):
        began = time.thread_time_ns()
        action()
        tries.append(time.thread_time_ns() - began)
    return min(tries)
