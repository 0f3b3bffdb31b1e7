"""Decides which tags are versions, and which of two versions is newer. No I/O.

Tags are compared only within one *line*: the same scheme, prefix and family. `16.3-alpine` is neither newer
nor older than `16.4`. The same holds for `2024.10.1` and `0.118.5`.
"""

import re
from collections.abc import Callable, Iterable
from operator import attrgetter
from typing import Any

import semver

from dockrev.versions.reading import (
    Identifier,
    family_word,
    flavour,
    is_artifact,
    is_channel,
    is_moving_build,
    names_base,
    prerelease_asked_for,
    read,
)
from dockrev.versions.schemes import UNLEARNED, RepositoryScheme, learn, learn_from, learn_from_one_digest
from dockrev.versions.version import Age, Line, Scheme, Version, flavours, shortened, successors

__all__ = [
    "RepositoryScheme",
    "Scheme",
    "Version",
    "display_order",
    "family_word",
    "flavour",
    "flavours",
    "is_moving_build",
    "is_strict_semver",
    "learn",
    "newest_first",
    "parse_version",
    "prerelease_asked_for",
    "resolved",
    "shortened",
    "successors",
    "variants",
]


def is_strict_semver(tag: str) -> bool:
    """An optional `v` and a full semver.org 2.0.0 version. Such a tag needs no inference."""
    return semver.Version.is_valid(tag.removeprefix("v"))


def parse_version(tag: str) -> Version | None:
    """Reads a tag as most repositories mean it. None: the tag is no version.

    `learn(tags).version(tag)` is more exact, because it considers the other tags of the repository.
    """
    return UNLEARNED.version(tag)


def newest_first(tags: Iterable[str], like: str | None = None) -> list[str]:
    """Sorts tags: versions of the family of `like`, other versions, other tags, and signatures last.

    Within a line the newest comes first and, of equally new ones, the most specific. Versions for a single
    architecture come after all others, unless `like` names the same one.
    """
    unique = list(dict.fromkeys(tags))
    readings = {tag: reading for tag in unique if (reading := read(tag))}
    scheme = learn_from(list(readings.values()))
    versions = [scheme.version_of(reading) for reading in readings.values()]
    ordered = [version.tag for version in _by_line(versions, scheme, like or "", attrgetter("order"))]
    others = sorted((tag for tag in unique if tag not in readings), reverse=True)
    return ordered + sorted(others, key=is_artifact)


def display_order(tags: Iterable[str]) -> list[str]:
    """Semantic versions first, the newest at the head, then all other tags from z to a.

    `1` and `1.2` count as 1.0.0 and 1.2.0.
    """
    return sorted(set(tags), key=lambda tag: (*_coerced(tag), tag), reverse=True)


def resolved(tags: Iterable[str], raw_tag: str) -> list[str]:
    """The version tags among the tags of one digest, without the raw tag. The best one to show comes first.

    A full semantic version always counts. Of all other tags, only the most specific one of each line counts.
    Tags of the raw tag's family come first: 1.2.3-alpine for `alpine` and `1-alpine`, 1.2.3 for `latest`.
    """
    readings = [reading for tag in dict.fromkeys(tags) if (reading := read(tag))]
    learned = learn_from_one_digest(readings)
    versions = [learned.version_of(reading) for reading in readings if reading.tag != raw_tag]
    unspecific = shortened(versions) | flavours(versions) | _less_specific(versions)
    shown = [
        version for version in versions if is_strict_semver(version.tag) or version.tag not in unspecific
    ]
    return [version.tag for version in _by_line(shown, learned, raw_tag, _spelled_like(raw_tag))]


def _less_specific(versions: Iterable[Version]) -> set[str]:
    """The tags of one digest whose numbers another tag continues: 21 beside 21.0.5_11-jdk.

    The flavour does not matter here, because all tags name the same image.
    """
    longer = {
        (version.scheme, version.prefix, version.numbers[:end])
        for version in versions
        for end in range(len(version.numbers))
    }
    plain = (version for version in versions if not version.pre and not version.revision)
    return {version.tag for version in plain if (version.scheme, version.prefix, version.numbers) in longer}


def _by_line(
    versions: Iterable[Version],
    scheme: RepositoryScheme,
    like: str,
    key: Callable[[Version], Any],
) -> list[Version]:
    """Sorts lines by how well they fit `like`, and the versions of a line by `key`, the highest first."""
    preferred = variants(like)
    lines: dict[Line, list[Version]] = {}
    for version in versions:
        lines.setdefault(version.line, []).append(version)

    def rank(line: Line) -> tuple[object, ...]:
        first = lines[line][0]
        matches = first.variant in preferred
        place = preferred.index(first.variant) if matches else len(preferred)
        foreign = first.single_architecture and not matches
        by_scheme = scheme.schemes.index(first.scheme)
        return (foreign, place, by_scheme, bool(first.prefix), -len(lines[line]), line)

    return [
        version for line in sorted(lines, key=rank) for version in sorted(lines[line], key=key, reverse=True)
    ]


def variants(like: str) -> list[str]:
    """The families that fit a tag, the best first: for `stable-alpine` its own name, then alpine, then none.

    `iron-slim` fits the family `slim` too, because its first word may be the name of a release.
    """
    if version := UNLEARNED.version(like):
        return list(dict.fromkeys((version.variant, version.kind[1], "")))
    words = [family_word(word) for word in re.split("[-_]", like.lower()) if not word.isdecimal()]
    meaning = [word for word in words if not is_channel(word)]
    ends = ("-".join(meaning[first:]) for first in range(len(meaning)))
    return list(dict.fromkeys((like.lower(), "-".join(words), *ends, "")))


def _spelled_like(raw_tag: str) -> Callable[[Version], tuple[Age, int, bool, bool, str]]:
    """A sort key: by age, then by the count of numbers, then by how much the spelling is like the raw tag."""
    raw_version = UNLEARNED.version(raw_tag)
    plain = raw_version is not None and not raw_tag.startswith("v")
    based = names_base(raw_tag)

    def key(version: Version) -> tuple[Age, int, bool, bool, str]:
        same_base = bool(version.base) == based
        same_v = version.tag.startswith("v") != plain
        return (version.age, len(version.numbers), same_base, same_v, version.tag)

    return key


def _coerced(tag: str) -> tuple[object, ...]:
    try:
        version = semver.Version.parse(tag.removeprefix("v"), optional_minor_and_patch=True)
    except ValueError:
        return (False,)
    identifiers = tuple(_identifier(part) for part in (version.prerelease or "").split(".") if part)
    return (True, version.major, version.minor, version.patch, not identifiers, identifiers)


def _identifier(part: str) -> Identifier:
    return (0, int(part), "") if part.isdecimal() else (1, 0, part)
