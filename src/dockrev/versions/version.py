"""A tag that names a version, and when two of them can be compared. No I/O."""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import total_ordering
from typing import Final

from dockrev.versions.reading import Identifier, is_channel, read, sets_apart

_ARCHITECTURE: Final = re.compile(
    r"(?:.*-)?(amd64|x64|x86|i386|386|arm|arm32|armhf|arm64|arm(32|64)?v[5-8]|aarch64|ppc64(le)?|s390x|riscv64"
    r"|mips64(le)?)(?:-.*)?",
    re.ASCII,
)


class Scheme(StrEnum):
    """How the numbers of a tag count. SEMVER stands for any dotted numbers, four parts too."""

    SEMVER = "semver"
    CALVER = "calver"
    DATE = "date"
    BUILD = "build"


Age = tuple[tuple[int, ...], tuple[int, tuple[Identifier, ...]], tuple[int, ...]]


Line = tuple[Scheme, str, str]
Kind = tuple[Scheme, str]
Form = tuple[Kind, tuple[int, ...], tuple[int, ...], tuple[int, ...], bool]
"""The last: it is a pre-release."""


@total_ordering
@dataclass(frozen=True, slots=True, eq=False)
class Version:
    """A tag that names a version. Comparing across lines raises TypeError; ask `comparable` first."""

    tag: str
    scheme: Scheme
    prefix: str
    family: str
    numbers: tuple[int, ...]
    pre: tuple[Identifier, ...] = ()
    revision: tuple[int, ...] = ()
    base: tuple[int, ...] = ()

    @property
    def line(self) -> Line:
        return (self.scheme, self.prefix, self.family)

    @property
    def variant(self) -> str:
        """Prefix and family as one name, without words that set nothing apart (`version-`, `RELEASE.`)."""
        words = filter(sets_apart, self.prefix.split("-"))
        return "-".join(filter(None, (*words, self.family)))

    @property
    def kind(self) -> Kind:
        """`stable-6` is of one kind with 6.5.55, and `alpine-7.0` with 7.0.5-alpine."""
        if not self.prefix:
            return (self.scheme, self.family)
        words = (word for word in self.prefix.split("-") if sets_apart(word) and not is_channel(word))
        return (self.scheme, "-".join(filter(None, (*words, self.family))))

    @property
    def prerelease(self) -> bool:
        return bool(self.pre)

    @property
    def single_architecture(self) -> bool:
        """It repeats another tag for one architecture."""
        return any(_ARCHITECTURE.fullmatch(part) for part in (self.prefix, self.family))

    def comparable(self, other: "Version") -> bool:
        return self.line == other.line

    @property
    def form(self) -> Form:
        return (self.kind, self.numbers, self.revision, self.base, bool(self.pre))

    def shorter_forms(self) -> Iterator[Form]:
        """What moves on to its successors: `1-alpine`, `1.27-alpine3.20`, ... for 1.27.2-alpine3.20.

        So does `stable-6`, of 6.5.55. Of a pre-release also `3.14-rc`, which names 3.14.0a1 and 3.14.0rc2.
        """
        kind = self.kind
        for base in {self.base, ()}:
            for length in range(1, len(self.numbers)):
                yield (kind, self.numbers[:length], (), base, False)
                if self.pre:
                    yield (kind, self.numbers[:length], (), base, True)
            if not self.pre:
                for length in range(len(self.revision)):
                    yield (kind, self.numbers, self.revision[:length], base, False)

    @property
    def may_move(self) -> bool:
        """`1.27` and `3.14-rc` may; a pre-release with a number of its own stands."""
        return len(self.pre) < 2

    @property
    def follows(self) -> bool:
        """`2022-latest` moves on with every release of 2022."""
        return "latest" in re.split("[-_]", self.tag.lower())

    @property
    def age(self) -> Age:
        """Older first. Equal for tags that name the same release: 1.2 and v1.2.0."""
        released = (0, self.pre) if self.pre else (1, ())
        return (_trimmed(self.numbers), released, self.revision)

    @property
    def order(self) -> tuple[Age, int, tuple[int, ...], str]:
        """By age; of equals the less specific first, and the spelling decides last."""
        return (self.age, len(self.numbers), self.base, self.tag)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Version) and self.tag == other.tag and self.line == other.line

    def __hash__(self) -> int:
        return hash(self.tag)

    def __lt__(self, other: "Version") -> bool:
        if not self.comparable(other):
            return NotImplemented
        return self.order < other.order


def shortened(versions: Collection[Version]) -> frozenset[str]:
    """The tags that do not name one version, since others begin with them: `1` and `1.27` beside `1.27.2`.

    Nor do those that say that they move.
    """
    shorter = {form for version in versions for form in version.shorter_forms()}
    return frozenset(one.tag for one in versions if one.follows or (one.may_move and one.form in shorter))


def flavours(versions: Collection[Version]) -> frozenset[str]:
    """The tags that say what others are built for: `nanoserver-1809` beside `8.0.1-nanoserver-1809`."""
    prefixed = {one.tag for one in versions if one.prefix}
    return frozenset(
        behind
        for one in versions
        for before, behind in _parts(one.tag)
        if behind in prefixed and read(before) is not None
    )


def successors(version: Version) -> list[str]:
    """The tags under which the next release is likely to appear: 1.27.3, 1.28.0 and 2.0.0 after 1.27.2."""
    written = ".".join(map(str, version.numbers))
    if len(version.numbers) != 3 or version.pre or version.revision or version.tag.count(written) != 1:
        return []
    major, minor, patch = version.numbers
    following = (f"{major}.{minor}.{patch + 1}", f"{major}.{minor + 1}.0", f"{major + 1}.0.0")
    return [version.tag.replace(written, each) for each in following]


def _parts(tag: str) -> Iterator[tuple[str, str]]:
    dash = tag.find("-")
    while dash != -1:
        yield tag[:dash], tag[dash + 1 :]
        dash = tag.find("-", dash + 1)


def _trimmed(numbers: tuple[int, ...]) -> tuple[int, ...]:
    """1, 1.0 and 1.0.0 are equally new."""
    end = len(numbers)
    while end > 1 and numbers[end - 1] == 0:
        end -= 1
    return numbers[:end]
