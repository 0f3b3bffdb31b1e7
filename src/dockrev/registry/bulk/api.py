"""What one bulk API is: where its pages are, and what they say. No I/O."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol, Self

from dockrev.errors import Json
from dockrev.oci.ref import ImageRef
from dockrev.registry.bulk.models import TagDigest
from dockrev.registry.endpoints import target_of
from dockrev.registry.transport import Answer

_NUMBER = re.compile(r"(?<=[?&])(page=)([0-9]+)")


@dataclass(frozen=True, slots=True)
class Page:
    """`unusable`: how many tags were named without a digest that can be one."""

    tags: Sequence[TagDigest]
    unusable: int
    next: str | None
    """Path and query of the next page."""

    @classmethod
    def of(cls, named: Iterable[TagDigest | None], following: str | None) -> Self:
        found = list(named)
        tags = [tag for tag in found if tag]
        return cls(tags, len(found) - len(tags), following)


class Api(Protocol):
    newest_first: ClassVar[bool]
    accept: ClassVar[str]
    another_way: ClassVar[frozenset[int]]
    """Statuses after which the next of `first_pages` is tried."""

    def first_pages(self, ref: ImageRef) -> Sequence[str]:
        """Path and query of the first page, and further ways to ask for it."""
        ...

    def page(self, content: Json, answer: Answer) -> Page:
        """`content` is the body of `answer`. Raises InvalidArgument when it has another shape."""
        ...


def numbered_after(answer: Answer) -> str:
    """The page after the one asked for, where pages have numbers. No link of the server is followed."""
    return _NUMBER.sub(lambda found: f"{found[1]}{int(found[2]) + 1}", target_of(answer.url))
