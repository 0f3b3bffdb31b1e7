"""Docker Hub's API (docs.docker.com/reference/api/hub/latest, "List repository tags")."""

from collections.abc import Sequence
from typing import ClassVar

from dockrev.errors import Json
from dockrev.oci.manifest import Child
from dockrev.oci.ref import DOCKER_HUB, ImageRef
from dockrev.registry.bulk.api import BulkPage, Fetch, RegistryAccess, numbered_after
from dockrev.registry.bulk.fields import (
    Object,
    child_of,
    entries,
    mapping,
    moment_of,
    objects,
    tag_digest,
)
from dockrev.registry.bulk.models import TagDigest
from dockrev.registry.challenge import Bearer
from dockrev.registry.responses import RegistryResponse

_PAGE_SIZE = 100


class DockerHub:
    hosts: ClassVar[tuple[str, ...]] = (DOCKER_HUB,)
    accept: ClassVar[str] = "application/json"
    fallback_statuses: ClassVar[frozenset[int]] = frozenset({401, 403})

    def is_behind(self, challenge: Bearer) -> bool:
        del challenge
        return False  # Docker Hub has one name

    def connect(self, access: RegistryAccess) -> Fetch:
        return access.other_server(access.config.docker_hub_api_url).fetch

    def first_pages(self, ref: ImageRef) -> Sequence[str]:
        """The documented path may want a login. The older one does not."""
        namespace, _, repository = ref.path.partition("/")
        query = f"page_size={_PAGE_SIZE}&ordering=last_updated&page=1"
        return (
            f"/v2/namespaces/{namespace}/repositories/{repository}/tags?{query}",
            f"/v2/repositories/{ref.path}/tags?{query}",
        )

    def page(self, content: Json, response: RegistryResponse) -> BulkPage:
        # `next` is an absolute URL. The client only looks whether there is one, and never follows it.
        listing = mapping(content)
        results = entries(listing, "results")
        next_page = numbered_after(response) if listing.get("next") else None
        return BulkPage.of(map(_tag, results), next_page)


def _tag(entry: Object) -> TagDigest | None:
    updated = moment_of(entry.get("tag_last_pushed")) or moment_of(entry.get("last_updated"))
    return tag_digest(entry.get("name"), entry.get("digest"), updated, _children(entry))


def _children(entry: Object) -> tuple[Child, ...]:
    """`images` lists a single-platform image as its own child. It is none."""
    images = (child_of(image.get("digest"), image) for image in objects(entry.get("images")))
    return tuple(child for child in images if child and child.digest != entry.get("digest"))
