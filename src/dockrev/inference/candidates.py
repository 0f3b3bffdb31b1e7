"""In which order the versions of a repository are asked for a digest. No I/O.

What a tag follows tells where to look: `latest` names the newest release, `stable` and `lts` the newest of
some series, `rc` the newest candidate, `nightly` the build of the day. What it is built for tells how the
version is spelled: `stable-alpine` is 1.26.2-alpine before it is 1.26.2-alpine3.20.
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
"""How many releases are asked for before the other spellings of their tags are."""
_OLDER_SERIES = frozenset(("stable", "lts", "oldstable", "production"))

Item = TypeVar("Item", bound=Hashable)


def candidates(tag_list: TagList, raw_tags: Sequence[str], labels: Sequence[str] = ()) -> list[str]:
    """Whole versions: first what goes on as a label or a raw tag begins, then as the raw tag suggests."""
    raw_tags = raw_tags or ("latest",)
    hints = _hints(tag_list, raw_tags, labels)
    places: dict[int, list[Version]] = {}
    for version in tag_list.newest_first(raw_tags[0]):
        places.setdefault(_place(_without(version.prefix, version.tag), hints), []).append(version)
    reference = _Reference.of(raw_tags[0], tag_list)
    return [one.tag for place in sorted(places) for one in reference.ordered(places[place])]


@dataclass(frozen=True, slots=True)
class _Reference:
    """A raw tag, taken apart: `families` are those it may mean, the likeliest first."""

    families: Sequence[str]
    flavour: Sequence[str]
    prerelease: str | None
    older: bool

    @classmethod
    def of(cls, raw_tag: str, tag_list: TagList) -> Self:
        what = raw_tag if raw_tag in tag_list.flavours else flavour(raw_tag)
        return cls(
            families=variants(raw_tag),
            flavour=what.lower().split("-") if what else (),
            prerelease=prerelease_asked_for(raw_tag),
            older=any(word in _OLDER_SERIES for word in raw_tag.lower().split("-")),
        )

    def ordered(self, versions: Iterable[Version]) -> list[Version]:
        """Only the family that fits best is searched with a plan, the others from the newest on."""
        families = [list(found) for _, found in groupby(versions, self._fit)]
        first, others = families[0], [one for family in families[1:] for one in family]
        releases = self._spelled(first)
        return [*_with_spellings(self._planned([one.best for one in releases]), releases), *others]

    def _fit(self, version: Version) -> tuple[bool, int]:
        known = version.variant in self.families
        place = self.families.index(version.variant) if known else len(self.families)
        return (version.single_architecture and not known, place)

    def _spelled(self, versions: Iterable[Version]) -> "list[_Release]":
        """Of the tags of one release the one that is spelled like the raw tag comes first."""
        releases: dict[Hashable, _Release] = {}
        for version in versions:
            releases.setdefault((version.line, version.age), _Release()).tags.append(version)
        for release in releases.values():
            release.tags.sort(key=self._spelled_alike, reverse=True)
        return list(releases.values())

    def _spelled_alike(self, version: Version) -> int:
        """In how many words from the end: one for `alpine` and 1.26.2-alpine, none for 1.26.2-alpine3.20."""
        words = zip(reversed(self.flavour), reversed(version.tag.lower().split("-")), strict=False)
        return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], words))

    def _planned(self, versions: list[Version]) -> list[Version]:
        if self.prerelease is not None:
            return _prereleases(versions, self.prerelease)
        older = self.older or self._has_code_name(versions[0])
        return _older_series(versions) if older else _newest_release(versions)

    def _has_code_name(self, version: Version) -> bool:
        """`iron-slim` where versions are spelled 20.18.0-slim; nobody knows of which series it is."""
        words = {family_word(word) for word in self.flavour}
        return bool(words - set(version.variant.split("-")) - set(map(family_word, version.tag.split("-"))))


@dataclass(frozen=True, slots=True)
class _Release:
    """The tags of one family that name it: 1.27.2-alpine and 1.27.2-alpine3.20, or v1.27.2 and 1.27.2."""

    tags: list[Version] = field(default_factory=list)

    @property
    def best(self) -> Version:
        return self.tags[0]


def _with_spellings(planned: Sequence[Version], releases: Iterable[_Release]) -> Iterator[Version]:
    others = {release.best.tag: release.tags[1:] for release in releases}
    soon, late = planned[:_ASKED_SOON], planned[_ASKED_SOON:]
    yield from soon
    yield from (other for one in soon for other in others[one.tag])
    yield from late
    yield from (other for one in late for other in others[one.tag])


def _newest_release(versions: list[Version]) -> list[Version]:
    """`latest` hardly ever names a pre-release, of which there may be dozens; if it does, then the newest."""
    releases = [one for one in versions if not one.prerelease]
    prereleases = [one for one in versions if one.prerelease]
    older = [*_heads(releases, 2)[1:3], *_heads(releases, 1)[1:2]]
    soon = _in_turn(releases[1:5], versions[:1], older)
    return _once([*releases[:1], *soon, *_in_turn(releases, prereleases)])


def _older_series(versions: list[Version]) -> list[Version]:
    """The newest release of each series: 1.26.2 beside 1.27.5, 22.13.0 beside 23.11.0."""
    releases = [one for one in versions if not one.prerelease]
    majors, minors = _heads(releases, 1)[1:], _heads(releases, 2)[1:]
    return _once([*releases[:1], *_in_turn(majors, minors, releases[1:]), *versions])


def _prereleases(versions: list[Version], word: str) -> list[Version]:
    """Where nothing is being prepared, `beta` names the newest release."""
    named = [one for one in versions if _is_called(one, word)]
    releases = [one for one in versions if not one.prerelease]
    others = [one for one in versions if one.prerelease and one not in named]
    if is_moving_build(word):
        builds = [one for one in releases if one.scheme in {Scheme.DATE, Scheme.BUILD}]
        return _once(_in_turn(named, builds, _of_each_stage(others), releases))
    serious = [one for one in others if not any(map(is_moving_build, _stages(one)))]
    ahead = named or serious
    return _once([*ahead[:1], *_in_turn(releases, ahead[1:], serious), *versions])


def _is_called(version: Version, word: str) -> bool:
    """`.dev20241209` and `-develop` both answer to `dev`."""
    return any(stage.startswith(word) or word.startswith(stage) for stage in _stages(version))


def _stages(version: Version) -> list[str]:
    """`rc` of 8.4.0RC3"""
    return [word for _, _, word in version.pre if word]


def _of_each_stage(versions: Iterable[Version]) -> list[Version]:
    """The newest alpha, the newest beta, then those before."""
    stages: dict[tuple[str, ...], list[Version]] = {}
    for version in versions:
        stages.setdefault(tuple(_stages(version)), []).append(version)
    return list(_in_turn(*stages.values()))


def _heads(releases: Iterable[Version], length: int) -> list[Version]:
    """The newest release of each series, where those are told apart by so many numbers."""
    return _once(releases, lambda one: (one.line, one.numbers[:length]))


def _in_turn(*rows: Sequence[Item]) -> Iterator[Item]:
    return (one for turn in zip_longest(*rows) for one in turn if one is not None)


def _once(items: Iterable[Item], key: Callable[[Item], Hashable] = lambda one: one) -> list[Item]:
    first: dict[Hashable, Item] = {}
    for item in items:
        first.setdefault(key(item), item)
    return list(first.values())


def _hints(tag_list: TagList, raw_tags: Sequence[str], labels: Sequence[str]) -> list[str]:
    named = [tag for tag in raw_tags if tag not in tag_list.flavours and parse_version(tag)]
    whole = (_bare(label.strip()) for label in labels)
    begun = (_numbered(tag.strip()).partition("-")[0] for tag in (*labels, *named))
    return list(dict.fromkeys((*whole, *begun)))


def _numbered(tag: str) -> str:
    """6.5-alpine of stable-6.5-alpine"""
    version = parse_version(tag)
    return _without(version.prefix, tag) if version else _bare(tag)


def _without(prefix: str, tag: str) -> str:
    return _bare(tag[len(prefix) + 1 :] if prefix else tag)


def _bare(tag: str) -> str:
    return tag.removeprefix("v")


def _place(tag: str, hints: Sequence[str]) -> int:
    return next((place for place, hint in enumerate(hints) if _continues(tag, hint)), len(hints))


def _continues(tag: str, start: str) -> bool:
    """1.27.2 and 1.27-alpine continue 1.27; 1.270 does not."""
    return bool(start) and tag.startswith(start) and not tag[len(start) : len(start) + 1].isdigit()
