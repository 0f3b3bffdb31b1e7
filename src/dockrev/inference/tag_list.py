"""The tag list of a repository, read: which of its tags are whole versions. No I/O."""

from collections.abc import Collection, Sequence
from typing import Self

from dockrev.versions.tags import Version, is_strict_semver, learn, newest_first


class TagList:
    """Reading thousands of tags takes a while, so it is done once for a list."""

    def __init__(self, names: tuple[str, ...], versions: frozenset[str], prereleases: frozenset[str]) -> None:
        self.names = names
        self._versions = versions
        self._prereleases = prereleases

    @classmethod
    def of(cls, names: Sequence[str]) -> Self:
        unique = tuple(dict.fromkeys(names))
        scheme = learn(unique)
        versions = [version for tag in unique if (version := scheme.version(tag))]
        prereleases = frozenset(one.tag for one in versions if one.prerelease)
        return cls(unique, frozenset(one.tag for one in versions) - _shortened(versions), prereleases)

    def tells(self, tag: str) -> bool:
        """It says which version its content is, and hardly ever moves."""
        return tag in self._versions or is_strict_semver(tag)

    def is_prerelease(self, tag: str) -> bool:
        return tag in self._prereleases

    def newest_first(self, like: str) -> list[str]:
        """The versions that no other tag is more specific than; those of the family of `like` lead."""
        return [tag for tag in newest_first(self.names, like) if tag in self._versions]


def _shortened(versions: Collection[Version]) -> set[str]:
    """The tags that a more specific one of their line begins with: `1` and `1.27` beside `1.27.2`."""
    lines: dict[object, list[Version]] = {}
    for version in versions:
        line = version.line
        for length in range(1, len(version.numbers) + 1):
            lines.setdefault((line, version.numbers[:length]), []).append(version)
    return {
        one.tag
        for one in versions
        if len(longer := lines[(one.line, one.numbers)]) > 1 and any(map(one.shortens, longer))
    }
