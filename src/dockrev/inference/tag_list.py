"""The tag list of a repository, read: which of its tags are whole versions. No I/O."""

from collections.abc import Mapping, Sequence
from typing import Self

from dockrev.versions.tags import Version, flavours, is_strict_semver, learn, newest_first, shortened


class TagList:
    """Reading thousands of tags takes a while, so it is done once for a list.

    `flavours`: tags that read like versions, and say what others are built for.
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
        found = [version for tag in unique if (version := scheme.version(tag))]
        built_for = flavours(found)
        others = {tag for tag in shortened(found) if not is_strict_semver(tag)} | built_for
        return cls(unique, {one.tag: one for one in found if one.tag not in others}, built_for)

    def is_version(self, tag: str) -> bool:
        """It says which version its content is, and hardly ever moves."""
        return tag in self._versions or is_strict_semver(tag)

    def newest_first(self, like: str) -> list[Version]:
        """The versions that no other tag is more specific than; those of the family of `like` lead."""
        return [one for tag in newest_first(self.names, like) if (one := self._versions.get(tag))]
