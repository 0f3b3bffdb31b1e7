"""Versions, and which of them can be compared. No I/O."""

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
    """What the numbers of a tag mean. SEMVER covers all dotted numbers, also with four parts."""

    SEMVER = "semver"
    CALVER = "calver"
    DATE = "date"
    BUILD = "build"


Age = tuple[tuple[int, ...], tuple[int, tuple[Identifier, ...]], tuple[int, ...]]
Line = tuple[Scheme, str, str]
Kind = tuple[Scheme, str]
Form = tuple[Kind, tuple[int, ...], tuple[int, ...], tuple[int, ...], bool]
"""Kind, numbers, revision, base, and whether it is a pre-release."""


@total_ordering
@dataclass(frozen=True, slots=True, eq=False)
class Version:
    """A tag that names a version. Comparing versions of two lines raises TypeError: see `comparable`."""

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
        """Prefix and family as one name, without words that mean nothing (`version-`, `RELEASE.`)."""
        words = filter(sets_apart, self.prefix.split("-"))
        return "-".join(filter(None, (*words, self.family)))

    @property
    def kind(self) -> Kind:
        """`stable-6` and 6.5.55 are of the same kind, and so are `alpine-7.0` and 7.0.5-alpine."""
        if not self.prefix:
            return (self.scheme, self.family)
        words = (word for word in self.prefix.split("-") if sets_apart(word) and not is_channel(word))
        return (self.scheme, "-".join(filter(None, (*words, self.family))))

    @property
    def prerelease(self) -> bool:
        return bool(self.pre)

    @property
    def single_architecture(self) -> bool:
        """The tag names an image for one architecture only, such as amd64-1.2.3."""
        return any(_ARCHITECTURE.fullmatch(part) for part in (self.prefix, self.family))

    def comparable(self, other: "Version") -> bool:
        return self.line == other.line

    @property
    def form(self) -> Form:
        return (self.kind, self.numbers, self.revision, self.base, bool(self.pre))

    def shorter_forms(self) -> Iterator[Form]:
        """The forms of moving tags that may name this version: `1-alpine`, `1.27-alpine3.20`, ... for
        1.27.2-alpine3.20, and `stable-6` for 6.5.55.

        A pre-release such as 3.14.0a1 also has the form of `3.14-rc`.
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
        """`1.27` and `3.14-rc` may move. A pre-release with its own number, such as rc2, does not."""
        return len(self.pre) < 2

    @property
    def follows(self) -> bool:
        """The tag has the word `latest`: `2022-latest` moves on with every release of 2022."""
        return "latest" in re.split("[-_]", self.tag.lower())

    @property
    def age(self) -> Age:
        """A sort key, older first. 1.2 and v1.2.0 have the same age, because they name the same release."""
        released = (0, self.pre) if self.pre else (1, ())
        return (_trimmed(self.numbers), released, self.revision)

    @property
    def order(self) -> tuple[Age, int, tuple[int, ...], str]:
        """A sort key: by age, then the less specific first, then by spelling."""
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
    """The tags that do not name one version, because a longer tag exists: `1` and `1.27` beside `1.27.2`.

    Tags with the word `latest` are among them.
    """
    shorter = {form for version in versions for form in version.shorter_forms()}
    return frozenset(
        version.tag
        for version in versions
        if version.follows or (version.may_move and version.form in shorter)
    )


def flavours(versions: Collection[Version]) -> frozenset[str]:
    """The tags that only name the base of other tags: `nanoserver-1809` beside `8.0.1-nanoserver-1809`."""
    prefixed = {version.tag for version in versions if version.prefix}
    return frozenset(
        after
        for version in versions
        for before, after in _splits(version.tag)
        if after in prefixed and read(before) is not None
    )


def successors(version: Version) -> list[str]:
    """The likely tags of the next release: 1.27.3, 1.28.0 and 2.0.0 after 1.27.2."""
    written = ".".join(map(str, version.numbers))
    if len(version.numbers) != 3 or version.pre or version.revision or version.tag.count(written) != 1:
        return []
    major, minor, patch = version.numbers
    following = (f"{major}.{minor}.{patch + 1}", f"{major}.{minor + 1}.0", f"{major + 1}.0.0")
    return [version.tag.replace(written, each) for each in following]


def _splits(tag: str) -> Iterator[tuple[str, str]]:
    """The parts of the tag before and after each hyphen."""
    dash = tag.find("-")
    while dash != -1:
        yield tag[:dash], tag[dash + 1 :]
        dash = tag.find("-", dash + 1)


def _trimmed(numbers: tuple[int, ...]) -> tuple[int, ...]:
    """Drops zeros at the end, so that 1, 1.0 and 1.0.0 are equally new."""
    end = len(numbers)
    while end > 1 and numbers[end - 1] == 0:
        end -= 1
    return numbers[:end]
