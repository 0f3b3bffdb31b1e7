"""The requests of the distribution spec that this client sends."""

import re
from dataclasses import dataclass, replace
from typing import Self
from urllib.parse import urlsplit

from dockrev.oci.digest import Digest
from dockrev.oci.manifest import ACCEPT
from dockrev.oci.ref import ImageRef

MANIFEST_BYTES = 4 * 1024 * 1024
CONFIG_BYTES = 8 * 1024 * 1024
TAG_PAGE_BYTES = 16 * 1024 * 1024
VERSION_CHECK_BYTES = 64 * 1024
TAGS_PER_PAGE = 1000

_REPOSITORY = re.compile(r"/v2/(.+)/(?:manifests|blobs|tags)/[^/]+")


@dataclass(frozen=True, slots=True)
class RegistryRequest:
    """A request about the repository `path`. `what` names it in messages."""

    method: str
    path: str
    target: str
    """Path and query below the base URL of the endpoint."""
    what: str
    headers: dict[str, str]
    max_body_bytes: int = 0
    counts_as_pull: bool = False

    def at(self, target: str) -> Self:
        """The same request at another place, where the repository may have another name."""
        moved = _REPOSITORY.search(urlsplit(target).path)
        return replace(self, target=target, path=moved[1] if moved else self.path)


def manifest_head(ref: ImageRef, reference: str) -> RegistryRequest:
    what = f"the digest of {ref}"
    headers = {"Accept": ACCEPT, "Accept-Encoding": "identity"}
    return RegistryRequest("HEAD", ref.path, _manifests(ref, reference), what, headers)


def manifest_get(ref: ImageRef, reference: str) -> RegistryRequest:
    """Docker Hub counts a GET of a manifest as a pull, but not a HEAD."""
    what = f"the manifest of {ref}"
    headers = {"Accept": ACCEPT, "Accept-Encoding": "identity"}
    target = _manifests(ref, reference)
    return RegistryRequest("GET", ref.path, target, what, headers, MANIFEST_BYTES, counts_as_pull=True)


def config_get(ref: ImageRef, config: Digest) -> RegistryRequest:
    what = f"the image config of {ref}"
    target = f"/v2/{ref.path}/blobs/{config}"
    return RegistryRequest("GET", ref.path, target, what, {"Accept-Encoding": "identity"}, CONFIG_BYTES)


def tags_page(ref: ImageRef, target: str) -> RegistryRequest:
    what = f"the tags of {ref.repository}"
    headers = {"Accept": "application/json", "Accept-Encoding": "gzip"}
    return RegistryRequest("GET", ref.path, target, what, headers, TAG_PAGE_BYTES)


def bulk_page(ref: ImageRef, target: str, accept: str) -> RegistryRequest:
    what = f"the tags of {ref.repository} with their digests"
    headers = {"Accept": accept, "Accept-Encoding": "gzip"}
    return RegistryRequest("GET", ref.path, target, what, headers, TAG_PAGE_BYTES)


def version_check() -> RegistryRequest:
    return RegistryRequest("GET", "", "/v2/", "what it is", {}, VERSION_CHECK_BYTES)


def _manifests(ref: ImageRef, reference: str) -> str:
    return f"/v2/{ref.path}/manifests/{reference}"
