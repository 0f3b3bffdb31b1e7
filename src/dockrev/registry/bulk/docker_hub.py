"""Docker Hub's API (docs.docker.com/reference/api/hub/latest, "List repository tags")."""

from collections.abc import Sequence
from typing import ClassVar

from dockrev.errors import Json
from dockrev.oci.manifest import Child
from dockrev.oci.ref import ImageRef
from dockrev.registry.bulk.api import Page, numbered_after
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
from dockrev.registry.transport import Answer

_PAGE_SIZE = 100


class DockerHub:
    newest_first: ClassVar[bool] = True
    accept: ClassVar[str] = "application/json"
    another_way: ClassVar[frozenset[int]] = frozenset({401, 403})

    def first_pages(self, ref: ImageRef) -> Sequence[str]:
        """The documented path is one for logins, though it answers without; the older one wants none."""
        namespace, _, repository = ref.path.partition("/")
        query = f"page_size={_PAGE_SIZE}&ordering=last_updated&page=1"
        return (
            f"/v2/namespaces/{namespace}/repositories/{repository}/tags?{query}",
            f"/v2/repositories/{ref.path}/tags?{query}",
        )

    def page(self, content: Json, answer: Answer) -> Page:
        # `next` is an absolute URL of Docker's; only that there is one counts, so nothing else is ever asked.
        listing = mapping(content)
        results = entries(listing, "results")
        following = numbered_after(answer) if listing.get("next") else None
        return Page.of(map(_tag, results), following)


def _tag(entry: Object) -> TagDigest | None:
    updated = moment_of(entry.get("tag_last_pushed")) or moment_of(entry.get("last_updated"))
    return tag_digest(entry.get("name"), entry.get("digest"), updated, _children(entry))


def _children(entry: Object) -> tuple[Child, ...]:
    """`images` lists a single-platform image as its own child, which is left out."""
    images = (child_of(image.get("digest"), image) for image in objects(entry.get("images")))
    return tuple(child for child in images if child and child.digest != entry.get("digest"))
