"""Google's registries: one page of their tag list holds all tags and their digests.

The shape is in google/go-containerregistry, pkg/v1/google/list.go.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import ClassVar
from urllib.parse import urlsplit

from dockrev.errors import Json
from dockrev.oci.ref import ImageRef
from dockrev.registry.bulk.api import BulkPage, Fetch, RegistryAccess
from dockrev.registry.bulk.fields import Object, mapping, tag_digest
from dockrev.registry.bulk.models import TagDigest
from dockrev.registry.challenge import Bearer
from dockrev.registry.responses import RegistryResponse


class Google:
    hosts: ClassVar[tuple[str, ...]] = ("gcr.io", ".gcr.io", ".pkg.dev", "registry.k8s.io")
    """registry.k8s.io redirects its tag lists to *.pkg.dev."""
    accept: ClassVar[str] = "application/json"
    fallback_statuses: ClassVar[frozenset[int]] = frozenset()

    def is_behind(self, challenge: Bearer) -> bool:
        realm = urlsplit(challenge.realm)
        # Gitea's realm has this path too, but another service.
        return realm.path == "/v2/token" and challenge.service == realm.netloc

    def connect(self, access: RegistryAccess) -> Fetch:
        return access.endpoint.fetch  # its pages are the tag list of the registry itself

    def first_pages(self, ref: ImageRef) -> Sequence[str]:
        return (f"/v2/{ref.path}/tags/list",)

    def page(self, content: Json, response: RegistryResponse) -> BulkPage:
        manifests = mapping(mapping(content).get("manifest"))
        tags = (tag for digest, entry in manifests.items() for tag in _tags(digest, mapping(entry)))
        return BulkPage.of(tags, response.next_page())


def _tags(digest: str, manifest: Object) -> Iterator[TagDigest | None]:
    names = manifest.get("tag")
    updated = _moment(manifest.get("timeUploadedMs"))
    for name in names if isinstance(names, list) else ():
        yield tag_digest(name, digest, updated)


def _moment(milliseconds: Json) -> datetime | None:
    """Parses milliseconds since 1970."""
    text = str(milliseconds)
    if not text.isascii() or not text.isdigit() or len(text) > 14:
        return None
    return datetime.fromtimestamp(int(text) / 1000, UTC)
