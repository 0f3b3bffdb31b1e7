"""The questions of the distribution spec that this client asks."""

import re
from dataclasses import dataclass, replace
from typing import Self
from urllib.parse import urlsplit

from dockrev.oci.digest import Digest
from dockrev.oci.manifest import ACCEPT
from dockrev.oci.ref import ImageRef
from dockrev.registry.transport import RequestKind

MANIFEST_BYTES = 4 * 1024 * 1024
CONFIG_BYTES = 8 * 1024 * 1024
TAG_PAGE_BYTES = 16 * 1024 * 1024
PING_BYTES = 64 * 1024
TAGS_PER_PAGE = 1000

_REPOSITORY = re.compile(r"/v2/(.+)/(?:manifests|blobs|tags)/[^/]+")


@dataclass(frozen=True, slots=True)
class Question:
    """What to ask an endpoint about the repository `path`. `what` names it in messages."""

    kind: RequestKind
    method: str
    path: str
    target: str
    """Path and query below the endpoint's base."""
    what: str
    headers: dict[str, str]
    body_limit: int = 0

    @property
    def counted(self) -> bool:
        """A manifest GET may count as a pull."""
        return self.kind is RequestKind.MANIFEST

    def at(self, target: str) -> Self:
        """The same question at another place, where the repository may have another name."""
        moved = _REPOSITORY.search(urlsplit(target).path)
        return replace(self, target=target, path=moved[1] if moved else self.path)


def manifest_head(ref: ImageRef, reference: str) -> Question:
    what = f"the digest of {ref}"
    headers = {"Accept": ACCEPT, "Accept-Encoding": "identity"}
    return Question(RequestKind.HEAD, "HEAD", ref.path, _manifests(ref, reference), what, headers)


def manifest_get(ref: ImageRef, reference: str) -> Question:
    what = f"the manifest of {ref}"
    headers = {"Accept": ACCEPT, "Accept-Encoding": "identity"}
    target = _manifests(ref, reference)
    return Question(RequestKind.MANIFEST, "GET", ref.path, target, what, headers, MANIFEST_BYTES)


def config_get(ref: ImageRef, config: Digest) -> Question:
    what = f"the image config of {ref}"
    target = f"/v2/{ref.path}/blobs/{config}"
    headers = {"Accept-Encoding": "identity"}
    return Question(RequestKind.BLOB, "GET", ref.path, target, what, headers, CONFIG_BYTES)


def tags_page(ref: ImageRef, target: str) -> Question:
    what = f"the tags of {ref.repository}"
    headers = {"Accept": "application/json", "Accept-Encoding": "gzip"}
    return Question(RequestKind.TAGS, "GET", ref.path, target, what, headers, TAG_PAGE_BYTES)


def bulk_page(ref: ImageRef, target: str, accept: str) -> Question:
    what = f"the tags of {ref.repository} with their digests"
    headers = {"Accept": accept, "Accept-Encoding": "gzip"}
    return Question(RequestKind.BULK, "GET", ref.path, target, what, headers, TAG_PAGE_BYTES)


def version_check() -> Question:
    return Question(RequestKind.PING, "GET", "", "/v2/", "what it is", {}, PING_BYTES)


def _manifests(ref: ImageRef, reference: str) -> str:
    return f"/v2/{ref.path}/manifests/{reference}"
