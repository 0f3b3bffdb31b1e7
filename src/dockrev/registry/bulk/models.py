"""The answers of bulk APIs, and the exception for a bulk API that cannot answer."""

from dataclasses import dataclass
from datetime import datetime

from dockrev.oci.digest import Digest
from dockrev.oci.manifest import Child


@dataclass(frozen=True, slots=True)
class TagDigest:
    """What a tag names, as the API says. `children`: the images of an index, where the API lists them."""

    tag: str
    digest: Digest
    children: tuple[Child, ...] = ()
    updated_at: datetime | None = None


class BulkUnavailable(Exception):
    """The bulk API gives no answer now: ask tag by tag. The client does not ask it again before `until`."""

    def __init__(self, why: str, until: datetime) -> None:
        super().__init__(why)
        self.why = why
        self.until = until
