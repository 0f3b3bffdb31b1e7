"""Decides in which order the versions of a repository are asked whether they name a digest. No I/O.

The raw tag says where to begin: `latest` names the newest release, `stable` and `lts` the newest release of
a series, `rc` the newest release candidate, `nightly` the build of the day. Its flavour says how the version
is probably spelled: for `stable-alpine`, 1.26.2-alpine comes before 1.26.2-alpine3.20.
"""

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby, takewhile, zip_longest
from typing import Self, TypeVar

from dockrev.inference.tag_list import TagList
from dockrev.versions.tags import (
    Scheme,
    Version,
    family_word,
    flavour,
    is_moving_build,
    parse_version,
    prerelease_asked_for,
    variants,
)

_ASKED_SOON = 5
"""So many releases are asked before the other spellings of their tags."""
_OLDER_SERIES = frozenset(("stable", "lts", "oldstable", "production"))

Item = TypeVar("Item", bound=Hashable)


def candidates(tag_list: TagList, raw_tags: Sequence[str], labels: Sequence[str] = ()) -> list[str]:
    """First the versions that begin like a label or a raw tag, then the others, in the raw tag's order."""
    raw_tags = raw_tags or ("latest",)
    hints = _hints(tag_list, raw_tags, labels)
    places: dict[int, list[Version]] = {}
    for version in tag_list.newest_first(raw_tags[0]):
        places.setdefault(_place(_without(version.prefix, version.tag), hints), []).append(version)
    reference = _Reference.of(raw_tags[0], tag_list)
    return [version.tag for place in sorted(places) for version in reference.ordered(places[place])]


@dataclass(frozen=True, slots=True)
class _Reference:
    """The parts of a raw tag. `families`: the families that it may mean, the likeliest first.

    `older`: it probably names a series that is older than the newest one.
    """

    families: Sequence[str]
    flavour: Sequence[str]
    prerelease: str | None
    older: bool

    @classmethod
    def of(cls, raw_tag: str, tag_list: TagList) -> Self:
        built_for = raw_tag if raw_tag in tag_list.flavours else flavour(raw_tag)
        return cls(
            families=variants(raw_tag),
            flavour=built_for.lower().split("-") if built_for else (),
            prerelease=prerelease_asked_for(raw_tag),
            older=any(word in _OLDER_SERIES for word in raw_tag.lower().split("-")),
        )

    def ordered(self, versions: Iterable[Version]) -> list[Version]:
        """Orders the family that fits best by the raw tag. The other families follow, the newest first."""
        families = [list(family) for _, family in groupby(versions, self._fit)]
        best, others = families[0], [version for family in families[1:] for version in family]
        releases = self._by_release(best)
        return [*_with_spellings(self._planned([release.best for release in releases]), releases), *others]

    def _fit(self, version: Version) -> tuple[bool, int]:
        fits = version.variant in self.families
        place = self.families.index(version.variant) if fits else len(self.families)
        return (version.single_architecture and not fits, place)

    def _by_release(self, versions: Iterable[Version]) -> "list[_Release]":
        """Groups tags by release. In a group, the tag that is spelled like the raw tag comes first."""
        releases: dict[Hashable, _Release] = {}
        for version in versions:
            releases.setdefault((version.line, version.age), _Release()).tags.append(version)
        for release in releases.values():
            release.tags.sort(key=self._common_words, reverse=True)
        return list(releases.values())

    def _common_words(self, version: Version) -> int:
        """Counts equal words from the end: one for `alpine` and 1.26-alpine, none for 1.26-alpine3.20."""
        words = zip(reversed(self.flavour), reversed(version.tag.lower().split("-")), strict=False)
        return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], words))

    def _planned(self, versions: list[Version]) -> list[Version]:
        if self.prerelease is not None:
            return _prereleases(versions, self.prerelease)
        older = self.older or self._has_code_name(versions[0])
        return _older_series(versions) if older else _newest_release(versions)

    def _has_code_name(self, version: Version) -> bool:
        """The raw tag has a word that versions do not have: `iron-slim` beside 20.18.0-slim.

        It names a series, but which one is unknown.
        """
        words = {family_word(word) for word in self.flavour}
        return bool(words - set(version.variant.split("-")) - set(map(family_word, version.tag.split("-"))))


@dataclass(frozen=True, slots=True)
class _Release:
    """The tags of one release: 1.27.2-alpine and 1.27.2-alpine3.20, or v1.27.2 and 1.27.2."""

    tags: list[Version] = field(default_factory=list)

    @property
    def best(self) -> Version:
        return self.tags[0]


def _with_spellings(planned: Sequence[Version], releases: Iterable[_Release]) -> Iterator[Version]:
    others = {release.best.tag: release.tags[1:] for release in releases}
    soon, late = planned[:_ASKED_SOON], planned[_ASKED_SOON:]
    yield from soon
    yield from (other for version in soon for other in others[version.tag])
    yield from late
    yield from (other for version in late for other in others[version.tag])


def _newest_release(versions: list[Version]) -> list[Version]:
    """The order for `latest`. It hardly ever names a pre-release, and if it does, then the newest one."""
    releases = [version for version in versions if not version.prerelease]
    prereleases = [version for version in versions if version.prerelease]
    older = [*_heads(releases, 2)[1:3], *_heads(releases, 1)[1:2]]
    soon = _in_turn(releases[1:5], versions[:1], older)
    return _once([*releases[:1], *soon, *_in_turn(releases, prereleases)])


def _older_series(versions: list[Version]) -> list[Version]:
    """The order for `stable` and `lts`: first the newest release of each series (1.27.5, 1.26.2, ...)."""
    releases = [version for version in versions if not version.prerelease]
    majors, minors = _heads(releases, 1)[1:], _heads(releases, 2)[1:]
    return _once([*releases[:1], *_in_turn(majors, minors, releases[1:]), *versions])


def _prereleases(versions: list[Version], word: str) -> list[Version]:
    """The order for `rc`, `beta` and `nightly`. `beta` may name the newest release if no beta is newer."""
    named = [version for version in versions if _is_called(version, word)]
    releases = [version for version in versions if not version.prerelease]
    others = [version for version in versions if version.prerelease and version not in named]
    if is_moving_build(word):
        builds = [version for version in releases if version.scheme in {Scheme.DATE, Scheme.BUILD}]
        return _once(_in_turn(named, builds, _of_each_stage(others), releases))
    without_builds = [version for version in others if not any(map(is_moving_build, _stages(version)))]
    likely = named or without_builds
    return _once([*likely[:1], *_in_turn(releases, likely[1:], without_builds), *versions])


def _is_called(version: Version, word: str) -> bool:
    """The pre-release word begins with `word`, or the other way round: `.dev20241209` and `-develop`."""
    return any(stage.startswith(word) or word.startswith(stage) for stage in _stages(version))


def _stages(version: Version) -> list[str]:
    """The words of a pre-release: `rc` of 8.4.0RC3."""
    return [word for _, _, word in version.pre if word]


def _of_each_stage(versions: Iterable[Version]) -> list[Version]:
    """The newest alpha, the newest beta, and so on. Then the older ones, in the same way."""
    stages: dict[tuple[str, ...], list[Version]] = {}
    for version in versions:
        stages.setdefault(tuple(_stages(version)), []).append(version)
    return list(_in_turn(*stages.values()))


def _heads(releases: Iterable[Version], length: int) -> list[Version]:
    """The newest release of each series. The first `length` numbers name a series."""
    return _once(releases, lambda version: (version.line, version.numbers[:length]))


def _in_turn(*rows: Sequence[Item]) -> Iterator[Item]:
    """The first item of each row, then the second of each, and so on."""
    return (item for turn in zip_longest(*rows) for item in turn if item is not None)


def _once(items: Iterable[Item], key: Callable[[Item], Hashable] = lambda item: item) -> list[Item]:
    first: dict[Hashable, Item] = {}
    for item in items:
        first.setdefault(key(item), item)
    return list(first.values())


def _hints(tag_list: TagList, raw_tags: Sequence[str], labels: Sequence[str]) -> list[str]:
    """Beginnings of likely versions: the whole labels first, then the numbers of labels and raw tags."""
    named = [tag for tag in raw_tags if tag not in tag_list.flavours and parse_version(tag)]
    whole = (_bare(label.strip()) for label in labels)
    begun = (_numbered(tag.strip()).partition("-")[0] for tag in (*labels, *named))
    return list(dict.fromkeys((*whole, *begun)))


def _numbered(tag: str) -> str:
    """6.5-alpine for the tag stable-6.5-alpine."""
    version = parse_version(tag)
    return _without(version.prefix, tag) if version else _bare(tag)


def _without(prefix: str, tag: str) -> str:
    return _bare(tag[len(prefix) + 1 :] if prefix else tag)


def _bare(tag: str) -> str:
    return tag.removeprefix("v")


def _place(tag: str, hints: Sequence[str]) -> int:
    """The index of the first hint that the tag continues."""
    return next((place for place, hint in enumerate(hints) if _continues(tag, hint)), len(hints))


def _continues(tag: str, start: str) -> bool:
    """1.27.2 and 1.27-alpine continue 1.27; 1.270 does not."""
    return bool(start) and tag.startswith(start) and not tag[len(start) : len(start) + 1].isdigit()
