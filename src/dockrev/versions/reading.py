"""Splits a single tag into its parts, without the other tags of its repository. No I/O.

RELEASE.   2024-10-13T13-34-11Z
amd64-   v 5.14.0.9383          -ls258
         v 2.0.0      -rc.1     -alpine3.20
prefix     numbers    pre       family, base, revision
"""

import re
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from typing import Final

from dockrev.oci.ref import MAX_TAG_LENGTH

Identifier = tuple[int, int, str]
"""A pre-release identifier in the order of semver.org 2.0.0 (11): numbers by value, then words."""


@dataclass(frozen=True, slots=True)
class Reading:
    """`loose`: bare numbers after a hyphen. SemVer calls them a pre-release; for many images they are a
    packaging revision.

    `base`: the release of the base distribution (`alpine3.20`, `debian-12`).
    """

    tag: str
    prefix: str
    numbers: tuple[int, ...]
    dashed_date: bool = False
    padded: bool = False
    pre: tuple[Identifier, ...] = ()
    loose: tuple[int, ...] = ()
    revision: tuple[int, ...] = ()
    base: tuple[int, ...] = ()
    family: str = ""


_TAG: Final = re.compile(
    r"(?P<prefix>(?:[a-z]+\.|(?!v\d)[a-z][a-z0-9]*[-_])*)(?:v|(?:b|r|build|rev)(?=\d+$))?"
    r"(?P<numbers>\d+(?:\.\d+)*)(?P<rest>.*)",
    re.ASCII | re.IGNORECASE,
)
_DASHED: Final = re.compile(
    r"(?P<prefix>(?:[a-z]+\.|(?!v\d)[a-z][a-z0-9]*[-_])*)v?(?P<day>\d{4}([-_])\d{2}\3\d{2})"
    r"(?:[tT-](?P<time>\d\d-?\d\d(?:-?\d\d)?)[zZ]?(?![0-9a-zA-Z]))?(?P<rest>.*)",
    re.ASCII | re.IGNORECASE,
)
_HASH: Final = re.compile(r"(?=.*[a-f])(?=.*\d)[0-9a-f]{7,64}", re.ASCII)
_DESCRIBED: Final = re.compile(r"g[0-9a-f]{7,40}", re.ASCII)
"""The last part of what `git describe` says: v1.2.3-14-gabc1234."""
_ARTIFACT: Final = re.compile(
    r"\.(sig|att|sbom|cosign|provenance|asc|sha256)$|^sha(256|512)-[0-9a-f]", re.ASCII
)
"""Signatures and attestations, which cosign and similar tools store as tags."""
_JUNK_WORD: Final = re.compile(
    r"sha(256|512)?|commit|git|pr|mr|pull|branch|feat(ure)?|(bug|hot)?fix|chore|renovate|dependabot|revert|merge"
    r"|refs|(build)?cache|ci|tmp|test|run|latest",
    re.ASCII,
)

_PRE_WORDS: Final = (
    "alpha|beta|rc|cr|pre|preview|prerelease|dev|devel|develop|canary|nightly|snapshot|next|insiders|unstable"
    "|edge|milestone|ea"
)
_PRE: Final = re.compile(rf"([abm](?=\.?\d)|{_PRE_WORDS})(?:\.?(\d+))?((?:\.[0-9a-z]+)*)", re.ASCII)
_GLUED_PRE: Final = re.compile(rf"(a|b|c|m|{_PRE_WORDS})(\d*)((?:\.[0-9a-z]+)*)", re.ASCII)
_FULL_NAMES: Final = {"a": "alpha", "b": "beta", "c": "rc"}
_MOVING_BUILDS: Final = frozenset(
    ("dev", "devel", "develop", "canary", "nightly", "snapshot", "next", "insiders", "unstable", "edge")
)
_CHANNEL: Final = re.compile(
    r"latest|stable|mainline|current|release|edge|main|master|lts|oldstable|testing|rolling|production",
    re.ASCII,
)
_NEUTRAL_PREFIXES: Final = frozenset({"version", "release", "ver", "rel", "v"})
_NUMBERS: Final = re.compile(r"v?(\d+(?:\.\d+)*)", re.ASCII)
_REVISION: Final = re.compile(
    r"(?:ls|r|p|u|pl|sp|cu|k3s|rke2r|rev|build|patch|post|update|hotfix)\.?(\d+)", re.ASCII
)
_BUILD: Final = re.compile(r"b(\d+)", re.ASCII)
"""Java's `8u422-b05`: a build after an update. Everywhere else, `b5` is a beta."""
_REVISION_WORDS: Final = frozenset({"security", "patch", "build", "rev", "update", "hotfix", "post"})
_RELEASE_WORDS: Final = frozenset({"stable", "final", "ga", "release", "latest"})
_BASES: Final = (
    "alpine|debian|ubuntu|fedora|rockylinux|oraclelinux|photon|centos|bullseye|bookworm|trixie|jammy|noble"
    "|nanoserver|windowsservercore"
)
_BASE: Final = re.compile(rf"({_BASES})(\d+(?:\.\d+)*)?", re.ASCII)
_BASE_RELEASE: Final = re.compile(rf"(?:^|-)(?:{_BASES})-?\d", re.ASCII)
_YEARS: Final = range(1990, 2100)
_PLACEHOLDER: Final = re.compile(r"[.-]?x(?![a-z0-9.])", re.ASCII)
"""0.43.X-alpine moves on with each release of 0.43, so it is no version."""
_EDITION: Final = re.compile(r"([a-z]+)\.(\d+)", re.ASCII)
"""GitLab's `17.5.1-ce.0`: `ce` is the edition, and 0 is its packaging revision."""


@lru_cache(maxsize=8192)
def read(tag: str) -> Reading | None:
    """Returns None for a tag that names no version: a channel, branch, commit or signature."""
    if len(tag) > MAX_TAG_LENGTH or is_artifact(tag):
        return None
    lowered = tag.lower().replace("x86_64", "amd64")
    if _is_hash(lowered):
        return None
    return _read_dashed(tag, lowered) or _read_numbered(tag, lowered)


def prerelease_asked_for(tag: str) -> str | None:
    """`beta` for the tags beta and 1.5-beta, `rc` for rc-alpine. None for stable and 1.5."""
    matches = (_PRE.fullmatch(part) for part in re.split(r"[-_]", tag.lower()))
    return next((_FULL_NAMES.get(match[1], match[1]) for match in matches if match), None)


def is_moving_build(word: str) -> bool:
    """Words such as `nightly` name the build of the day. `rc` and `beta` do not."""
    return word in _MOVING_BUILDS


def is_channel(word: str) -> bool:
    """A channel moves on with each release that it follows: `latest`, `stable`, `lts`."""
    return _CHANNEL.fullmatch(word) is not None


def sets_apart(prefix: str) -> bool:
    """`amd64` distinguishes a tag from others. `version` and `release` do not."""
    return prefix not in _NEUTRAL_PREFIXES


def flavour(tag: str) -> str:
    """The part after channels and numbers: `alpine3.20` of stable-alpine3.20 and 1.27-alpine3.20.

    Empty for latest, for stable-6, and for a tag that may be a prefix with numbers: alpine-7.0.
    """
    words = tag.split("-")
    while words and _names_release(words[0]):
        words.pop(0)
    while words and is_channel(words[-1].lower()):
        words.pop()
    rest = "-".join(words)
    return "" if read(rest) else rest


def _names_release(word: str) -> bool:
    """A channel, a pre-release or a version."""
    lowered = word.lower()
    follows = is_channel(lowered) or not sets_apart(lowered) or _PRE.fullmatch(lowered) is not None
    return follows or read(word) is not None


def is_artifact(tag: str) -> bool:
    """A signature, an attestation or the like. It belongs to an image, but is not an image."""
    return _ARTIFACT.search(tag.lower()) is not None


def family_word(part: str) -> str:
    """`alpine3.20` belongs to the family `alpine`."""
    match = _BASE.fullmatch(part)
    return match[1] if match else part


def names_base(tag: str) -> bool:
    """`1-alpine3.20` and `debian-12` name a release of the base distribution. `1-alpine` does not."""
    return _BASE_RELEASE.search(tag.lower()) is not None


def is_day(number: int) -> bool:
    """20241013 is a day, 20241399 is not."""
    if number // 10000 not in _YEARS:
        return False
    try:
        return bool(date(number // 10000, number // 100 % 100, number % 100))
    except ValueError:
        return False


def _is_hash(part: str) -> bool:
    return _HASH.fullmatch(part) is not None


def _read_dashed(tag: str, lowered: str) -> Reading | None:
    match = _DASHED.fullmatch(lowered)
    if match is None or (prefix := _prefix(match["prefix"])) is None:
        return None
    day = int(re.sub(r"[-_]", "", match["day"]))
    if not is_day(day):
        return None
    time = (int(match["time"].replace("-", "").ljust(6, "0")),) if match["time"] else ()
    suffix = _Suffix().of(match["rest"])
    return suffix.reading(tag, prefix, (day, *time), dashed_date=True)


def _read_numbered(tag: str, lowered: str) -> Reading | None:
    match = _TAG.fullmatch(lowered)
    if match is None or (prefix := _prefix(match["prefix"])) is None:
        return None
    numbers, rest = match["numbers"], match["rest"]
    if _PLACEHOLDER.match(rest) or _is_hash(lowered[len(match["prefix"]) :].split("-", 1)[0]):
        return None
    parts = numbers.split(".")
    padded = any(len(part) > 1 and part.startswith("0") for part in parts[1:])
    return _Suffix().of(rest).reading(tag, prefix, tuple(map(int, parts)), padded=padded)


def _prefix(text: str) -> str | None:
    words = re.split(r"[-_.]", text)[:-1]
    return None if any(_JUNK_WORD.fullmatch(word) or _is_hash(word) for word in words) else "-".join(words)


@dataclass(slots=True)
class _Suffix:
    """Reads the text after the numbers, part by part."""

    pre: list[Identifier] = field(default_factory=list)
    loose: list[int] = field(default_factory=list)
    revision: list[int] = field(default_factory=list)
    base: list[int] = field(default_factory=list)
    family: list[str] = field(default_factory=list)
    awaited: list[int] | None = None
    """The list that takes the next number, if the previous part needs one: `-rc-1`, `-debian-12`."""

    def of(self, rest: str) -> "_Suffix":
        if not rest:
            return self
        dotted, glued = rest[0] == ".", rest[0] not in "-_+."
        self.awaited = self.revision if rest[0] in "_+" else None
        first, *others = re.split(r"[-_+]", rest if glued else rest[1:])
        if not ((dotted or glued) and self._takes_glued(first, dotted)):
            self._take(first)
        for part in others:
            self._take(part)
        return self

    def reading(
        self,
        tag: str,
        prefix: str,
        numbers: tuple[int, ...],
        *,
        dashed_date: bool = False,
        padded: bool = False,
    ) -> Reading:
        return Reading(
            tag,
            prefix,
            numbers,
            dashed_date,
            padded,
            tuple(self.pre),
            tuple(self.loose),
            tuple(self.revision),
            tuple(self.base),
            "-".join(self.family),
        )

    def _takes_glued(self, part: str, dotted: bool) -> bool:
        """Python's spelling: 2024.10.0b3, 17rc1. A `.dev20241013` is older than the alphas of its release."""
        match = _GLUED_PRE.fullmatch(part)
        if match is None or (len(match[1]) == 1 and not match[2]):
            return False
        early = -1 if dotted and match[1] == "dev" else 0
        self._announce(match[1], match[2], match[3], early)
        return True

    def _take(self, part: str) -> None:
        awaited, self.awaited = self.awaited, None
        if match := _NUMBERS.fullmatch(part):
            self._take_numbers([int(number) for number in match[1].split(".")], awaited)
        elif match := _REVISION.fullmatch(part) or (_BUILD.fullmatch(part) if self.revision else None):
            self.revision.append(int(match[1]))
        elif match := _PRE.fullmatch(part):
            self._announce(match[1], match[2] or "", match[3], 0)
        elif part in _REVISION_WORDS:
            self.awaited = self.revision
        elif _DESCRIBED.fullmatch(part) and self.loose:
            self.revision, self.loose = self.loose, []
        elif part and part not in _RELEASE_WORDS and not _is_hash(part):
            self._take_family(part)

    def _take_numbers(self, numbers: list[int], awaited: list[int] | None) -> None:
        if awaited is not None:
            awaited.extend(numbers)
        elif self.pre and not self.family:
            self.pre.extend((0, number, "") for number in numbers)
        elif self.family or self.revision:
            self.revision.extend(numbers)
        else:
            self.loose.extend(numbers)

    def _announce(self, name: str, number: str, more: str, early: int) -> None:
        """Reads `rc10` as `rc.10`, because projects that write rc9 and rc10 do not mean ASCII order."""
        self.pre.append((1, early, _FULL_NAMES.get(name, name)))
        self.pre.extend(_identifier(part) for part in (number, *more.split(".")) if part)

    def _take_family(self, part: str) -> None:
        if match := _BASE.fullmatch(part):
            self.family.append(match[1])
            self.base.extend(int(number) for number in (match[2] or "").split(".") if number)
            self.awaited = None if match[2] else self.base
        elif match := _EDITION.fullmatch(part):
            self.family.append(match[1])
            self.revision.append(int(match[2]))
        else:
            self.family.append(part)


def _identifier(part: str) -> Identifier:
    return (0, int(part), "") if part.isdecimal() else (1, 0, part)
