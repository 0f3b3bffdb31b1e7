"""The digest that a tag names, and the platforms that a digest holds."""

from dataclasses import dataclass
from datetime import datetime

from dockrev.oci.digest import Digest
from dockrev.oci.manifest import Child, MultiPlatform


@dataclass(frozen=True, slots=True)
class ImageFacts(MultiPlatform):
    """The images behind a digest. This never changes, because the digest is the hash of the content.

    A single-platform image is its own and only child.
    """

    digest: Digest
    children: tuple[Child, ...]


@dataclass(frozen=True, slots=True)
class CheckError:
    """Why the last question had no answer. `retry_at`: the registry limits requests until then."""

    code: str
    message: str
    at: datetime
    retry_at: datetime | None = None

    @property
    def deferred(self) -> bool:
        return self.retry_at is not None


@dataclass(frozen=True, slots=True)
class TagState:
    """The newest answer for a tag, with its age, and the newest error if the last question failed.

    `digest_since`: when the registry was first seen to offer this digest under the tag.
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
