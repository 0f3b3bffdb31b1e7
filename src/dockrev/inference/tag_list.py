"""Finds the versions among the tags of a repository. No I/O."""

from collections.abc import Mapping, Sequence
from typing import Self

from dockrev.versions.tags import Version, flavours, is_strict_semver, learn, newest_first, shortened


class TagList:
    """A parsed tag list. Parsing thousands of tags takes time, so each list is parsed once.

    `flavours`: tags that look like versions, but only name the base of other tags.
    """

    def __init__(
        self, names: tuple[str, ...], versions: Mapping[str, Version], flavours: frozenset[str]
    ) -> None:
        self.names = names
        self.flavours = flavours
        self._versions = versions

    @classmethod
    def of(cls, names: Sequence[str]) -> Self:
        unique = tuple(dict.fromkeys(names))
        scheme = learn(unique)
        parsed = [version for tag in unique if (version := scheme.version(tag))]
        built_for = flavours(parsed)
        others = {tag for tag in shortened(parsed) if not is_strict_semver(tag)} | built_for
        return cls(
            unique, {version.tag: version for version in parsed if version.tag not in others}, built_for
        )

    def is_version(self, tag: str) -> bool:
        """The tag names one version, and hardly ever moves."""
        return tag in self._versions or is_strict_semver(tag)

    def newest_first(self, like: str) -> list[Version]:
        """Versions without a more specific tag. Those of the family of the tag `like` come first."""
        ordered = newest_first(self.names, like)
        return [version for tag in ordered if (version := self._versions.get(tag))]
