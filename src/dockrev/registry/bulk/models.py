"""What a bulk API gives, and what is raised when it gives nothing."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from dockrev.oci.digest import Digest
from dockrev.oci.manifest import Child
from dockrev.oci.ref import ImageRef


@dataclass(frozen=True, slots=True)
class TagDigest:
    """What a tag names, as the API says. `children`: an index's images, where the API lists them."""

    tag: str
    digest: Digest
    children: tuple[Child, ...] = ()
    updated_at: datetime | None = None


class BulkUnavailable(Exception):
    """There is no bulk answer now: ask tag by tag. The registry's client remembers it until `until`."""

    def __init__(self, why: str, until: datetime) -> None:
        super().__init__(why)
        self.why = why
        self.until = until


class Bulk(Protocol):
    """Tags with digests, one request a page.

    That a tag is missing proves nothing: APIs leave some out, and those without a digest are not given.
    Answers may lag behind the registry; a HEAD proves.
    """

    @property
    def newest_first(self) -> bool:
        """Across pages. What was pushed last stands first within a page in any case."""
        ...

    def pages(self, ref: ImageRef) -> AsyncIterator[Sequence[TagDigest]]:
        """Asks for a page when it is wanted, and no further. A page may be empty and not the last.

        Raises BulkUnavailable, on any page.
        """
        ...
