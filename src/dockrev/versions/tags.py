"""Which tags are versions, and which is newer. Pure: tags in, tags out.

Tags are compared only within one *line*: the same scheme, prefix and family. `16.3-alpine` is neither newer
nor older than `16.4`, and `2024.10.1` neither than `0.118.5`.
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
    """The contract's rule: an optional `v` and a full semver.org 2.0.0 version. It needs no inference."""
    return semver.Version.is_valid(tag.removeprefix("v"))


def parse_version(tag: str) -> Version | None:
    """As most repositories would mean it; `learn(tags).version(tag)` knows better. None for no version."""
    return UNLEARNED.version(tag)


def newest_first(tags: Iterable[str], like: str | None = None) -> list[str]:
    """All the tags: versions of the family of `like`, other versions, then the others, signatures last.

    Within a line the newest comes first and, of equally new ones, the most specific. A single architecture's
    versions come after all others, unless `like` is one.
    """
    unique = list(dict.fromkeys(tags))
    readings = {tag: reading for tag in unique if (reading := read(tag))}
    scheme = learn_from(list(readings.values()))
    versions = [scheme.version_of(reading) for reading in readings.values()]
    ordered = [one.tag for one in _by_line(versions, scheme, like or "", attrgetter("order"))]
    others = sorted((tag for tag in unique if tag not in readings), reverse=True)
    return ordered + sorted(others, key=is_artifact)


def display_order(tags: Iterable[str]) -> list[str]:
    """What parses as a semantic version first, newest first, `1` and `1.2` padded; the rest from z to a."""
    return sorted(set(tags), key=lambda tag: (*_coerced(tag), tag), reverse=True)


def resolved(tags: Iterable[str], raw_tag: str) -> list[str]:
    """The version tags among those of one digest, the best to show first, without the raw tag itself.

    A full semantic version always counts; of other tags only the most specific of each line do. What
    belongs to the raw tag's family leads: 1.2.3-alpine for `alpine` and `1-alpine`, 1.2.3 for `latest`."""
    readings = [reading for tag in dict.fromkeys(tags) if (reading := read(tag))]
    learned = learn_from_one_digest(readings)
    versions = [learned.version_of(reading) for reading in readings if reading.tag != raw_tag]
    others = shortened(versions) | flavours(versions) | _outdone(versions)
    telling = [one for one in versions if is_strict_semver(one.tag) or one.tag not in others]
    return [one.tag for one in _by_line(telling, learned, raw_tag, _spelled_like(raw_tag))]


def _outdone(versions: Iterable[Version]) -> set[str]:
    """Of one digest, flavours set nothing apart: beside 21.0.5_11-jdk, 21 is no version."""
    longer = {
        (one.scheme, one.prefix, one.numbers[:end]) for one in versions for end in range(len(one.numbers))
    }
    plain = (one for one in versions if not one.pre and not one.revision)
    return {one.tag for one in plain if (one.scheme, one.prefix, one.numbers) in longer}


def _by_line(
    versions: Iterable[Version],
    scheme: RepositoryScheme,
    like: str,
    key: Callable[[Version], Any],
) -> list[Version]:
    """Lines by what they have in common with `like`; within one the newest first."""
    wanted = variants(like)
    lines: dict[Line, list[Version]] = {}
    for version in versions:
        lines.setdefault(version.line, []).append(version)

    def rank(line: Line) -> tuple[object, ...]:
        one = lines[line][0]
        known = one.variant in wanted
        place = wanted.index(one.variant) if known else len(wanted)
        foreign = one.single_architecture and not known
        return (foreign, place, scheme.schemes.index(one.scheme), bool(one.prefix), -len(lines[line]), line)

    return [one for line in sorted(lines, key=rank) for one in sorted(lines[line], key=key, reverse=True)]


def variants(like: str) -> list[str]:
    """What families a tag asks for, best first: `stable-alpine` for its own name, then alpine, then none.

    `iron-slim` is of the family `slim`, for all that its first word may be a release's name.
    """
    if version := UNLEARNED.version(like):
        return list(dict.fromkeys((version.variant, version.kind[1], "")))
    words = [family_word(word) for word in re.split("[-_]", like.lower()) if not word.isdecimal()]
    meaning = [word for word in words if not is_channel(word)]
    ends = ("-".join(meaning[first:]) for first in range(len(meaning)))
    return list(dict.fromkeys((like.lower(), "-".join(words), *ends, "")))


def _spelled_like(raw_tag: str) -> Callable[[Version], tuple[Age, int, bool, bool, str]]:
    """By age, then by how much is said; of equals those last that read like the raw tag."""
    asked = UNLEARNED.version(raw_tag)
    plain = asked is not None and not raw_tag.startswith("v")
    based = names_base(raw_tag)

    def key(one: Version) -> tuple[Age, int, bool, bool, str]:
        return (one.age, len(one.numbers), bool(one.base) == based, one.tag.startswith("v") != plain, one.tag)

    return key


def _coerced(tag: str) -> tuple[object, ...]:
    try:
        found = semver.Version.parse(tag.removeprefix("v"), optional_minor_and_patch=True)
    except ValueError:
        return (False,)
    identifiers = tuple(_identifier(part) for part in (found.prerelease or "").split(".") if part)
    return (True, found.major, found.minor, found.patch, not identifiers, identifiers)


def _identifier(part: str) -> Identifier:
    return (0, int(part), "") if part.isdecimal() else (1, 0, part)
