"""Version requirements as Cargo reads them: `>=2.0, <3.0`, `^1.2`, `~1.2.3`, `1.*`. No I/O.

The rules are those of https://doc.rust-lang.org/cargo/reference/specifying-dependencies.html: a bare version
means `^`, a comma means "and", and a pre-release only matches where a comparator names a pre-release of the
same major.minor.patch.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Self

from semver import Version

MAX_LENGTH: Final = 500
_NUMBER: Final = r"(?:0|[1-9]\d*)"
_IDENTIFIER: Final = r"(?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)"
_BUILD: Final = r"(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?"
_PRE: Final = rf"(?:-(?P<pre>{_IDENTIFIER}(?:\.{_IDENTIFIER})*))?"
_PATCH: Final = rf"\.(?:(?P<patch>{_NUMBER}){_PRE}{_BUILD}|(?P<any_patch>[*xX]))"
_MINOR: Final = rf"\.(?:(?P<minor>{_NUMBER})(?:{_PATCH})?|(?P<any_minor>[*xX](?:\.[*xX])?))"
_COMPARATOR: Final = re.compile(
    rf"(?P<operator>>=|<=|[=<>~^])?\s*(?P<major>{_NUMBER})(?:{_MINOR})?", re.ASCII
)


def version_of(tag: str) -> Version | None:
    """Drops one leading `v` and reads `1` and `1.2` as 1.0.0 and 1.2.0. None: the tag is no version."""
    try:
        return Version.parse(tag.strip().removeprefix("v"), optional_minor_and_patch=True)
    except ValueError:
        return None


@dataclass(frozen=True, slots=True)
class Comparator:
    """`minor` and `patch` are None when the requirement does not state them."""

    operator: str
    major: int
    minor: int | None = None
    patch: int | None = None
    pre: str = ""

    @classmethod
    def parse(cls, text: str) -> Self:
        match = _COMPARATOR.fullmatch(text)
        if match is None:
            raise ValueError(f"not a version requirement: {text!r}")
        default = "=" if match["any_minor"] or match["any_patch"] else "^"
        operator = match["operator"] or default
        major, minor, patch = (
            None if part is None else int(part) for part in match.group("major", "minor", "patch")
        )
        return cls(operator, major or 0, minor, patch, match["pre"] or "")

    def matches(self, version: Version) -> bool:
        return _MATCHES[self.operator](self, version)

    def names_prerelease_of(self, version: Version) -> bool:
        return bool(self.pre) and self.numbers == (version.major, version.minor, version.patch)

    @property
    def numbers(self) -> tuple[int, ...]:
        """The numbers that the requirement states: one, two or three."""
        return tuple(number for number in (self.major, self.minor, self.patch) if number is not None)

    def compared(self, version: Version) -> int:
        """-1: the version is lower than the stated numbers. 0: they are its beginning. 1: it is higher."""
        own, other = self.numbers, (version.major, version.minor, version.patch)[: len(self.numbers)]
        if own != other:
            return 1 if other > own else -1
        return 0 if self.patch is None else _compare_prereleases(version.prerelease or "", self.pre)


def _compare_prereleases(first: str, second: str) -> int:
    return Version(0, 0, 0, first or None).compare(Version(0, 0, 0, second or None))


def _equals(comparator: Comparator, version: Version) -> bool:
    """A partial version such as `=1.2` matches the releases of 1.2, but not their pre-releases."""
    return comparator.compared(version) == 0 and (comparator.patch is not None or not version.prerelease)


def _is_tilde(comparator: Comparator, version: Version) -> bool:
    """`~1.2.3`: the same major and minor version, and not lower than 1.2.3. `~1` fixes only the major."""
    same = comparator.numbers[:2] == (version.major, version.minor)[: len(comparator.numbers[:2])]
    released = comparator.patch is not None or not version.prerelease
    return same and released and comparator.compared(version) >= 0


def _is_caret(comparator: Comparator, version: Version) -> bool:
    """`^1.2.3`: not lower than 1.2.3, and the same leftmost number that is not zero."""
    numbers = comparator.numbers
    fixed = _fixed(numbers)
    same = numbers[:fixed] == (version.major, version.minor, version.patch)[:fixed]
    return same and comparator.compared(version) >= 0


def _fixed(numbers: Sequence[int]) -> int:
    """How many numbers a caret fixes: up to the leftmost number that is not zero."""
    return next((place + 1 for place, number in enumerate(numbers) if number), len(numbers))


_MATCHES: Final[Mapping[str, Callable[[Comparator, Version], bool]]] = {
    "=": _equals,
    ">": lambda comparator, version: comparator.compared(version) > 0,
    ">=": lambda comparator, version: comparator.compared(version) > 0 or _equals(comparator, version),
    "<": lambda comparator, version: comparator.compared(version) < 0,
    "<=": lambda comparator, version: comparator.compared(version) < 0 or _equals(comparator, version),
    "~": _is_tilde,
    "^": _is_caret,
}


Release = tuple[int, ...]


def _releases(comparator: Comparator) -> tuple[Release, Release | None]:
    """The range of releases that a comparator matches: the first one, and the first one above the range.

    None: the range has no upper end.
    """
    numbers = comparator.numbers
    start, end = _padded(numbers), _next(numbers)
    ranges: Mapping[str, tuple[Release, Release | None]] = {
        "=": (start, end),
        ">": (end, None),
        ">=": (start, None),
        "<": (_padded(()), start),
        "<=": (_padded(()), end),
        "~": (start, _next(numbers[:2])),
        "^": (start, _next(numbers[: _fixed(numbers)])),
    }
    return ranges[comparator.operator]


def _padded(numbers: Release) -> Release:
    return (*numbers, 0, 0, 0)[:3]


def _next(numbers: Release) -> Release:
    return _padded((*numbers[:-1], numbers[-1] + 1))


@dataclass(frozen=True, slots=True)
class Requirement:
    """Comparators that must all match. Without comparators (`*`), every release matches."""

    comparators: tuple[Comparator, ...]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises ValueError."""
        if len(text) > MAX_LENGTH:
            raise ValueError(f"longer than {MAX_LENGTH} characters")
        if text.strip() in {"*", "x", "X"}:
            return cls(())
        return cls(tuple(Comparator.parse(part.strip()) for part in text.split(",")))

    @property
    def contradicts_itself(self) -> bool:
        """No release can match. Always False for a requirement that names a pre-release."""
        if any(comparator.pre for comparator in self.comparators):
            return False
        ranges = [_releases(comparator) for comparator in self.comparators]
        below = [end for _, end in ranges if end is not None]
        return bool(below) and max(start for start, _ in ranges) >= min(below)

    def matches(self, version: Version) -> bool:
        if not all(comparator.matches(version) for comparator in self.comparators):
            return False
        named = any(comparator.names_prerelease_of(version) for comparator in self.comparators)
        return named or not version.prerelease
