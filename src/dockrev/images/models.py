"""The digest that a tag names, and the images behind a digest."""

from dataclasses import dataclass
from datetime import datetime

from dockrev.oci.digest import Digest
from dockrev.oci.manifest import Child, MultiPlatform


@dataclass(frozen=True, slots=True)
class ImageFacts(MultiPlatform):
    """The images behind a digest. They never change, because the digest is the hash of the content.

    An image for a single platform has itself as the only child.
    """

    digest: Digest
    children: tuple[Child, ...]


@dataclass(frozen=True, slots=True)
class CheckError:
    """Why the registry gave no answer the last time. `retry_at`: it limits requests until then."""

    code: str
    message: str
    at: datetime
    retry_at: datetime | None = None

    @property
    def deferred(self) -> bool:
        return self.retry_at is not None


@dataclass(frozen=True, slots=True)
class TagState:
    """The newest answer for a tag and its time, and the error if the last request failed.

    `digest_since`: when Dockrev first saw this digest under the tag.
    """

    repository: str
    tag: str
    digest: Digest | None = None
    checked_at: datetime | None = None
    error: CheckError | None = None
    digest_since: datetime | None = None

    @property
    def key(self) -> tuple[str, str]:
        return (self.repository, self.tag)
