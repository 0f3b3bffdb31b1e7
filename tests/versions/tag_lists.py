"""The shape of a table: the tags of a repository, the order of its lines, and the tags of its digests."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Question:
    """The tags that name one digest, the tag that a service uses, and the versions to show for it."""

    used: str
    tags: str
    expected: str


@dataclass(frozen=True)
class Repository:
    """`lines`: by the tag that a service uses, the tags that come first, in this order."""

    name: str
    tags: str
    lines: Mapping[str, str]
    questions: tuple[Question, ...]
    nameless: str = ""
    """Tags that name no version."""

    def all(self) -> list[str]:
        return self.tags.split()

    def __str__(self) -> str:
        return self.name
