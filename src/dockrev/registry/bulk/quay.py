"""Quay's API, of quay.io and of installations of one's own (docs.quay.io/api, "listRepoTags")."""

from collections.abc import Sequence
from typing import ClassVar

from dockrev.errors import Json
from dockrev.oci.ref import ImageRef
from dockrev.registry.bulk.api import Page, numbered_after
from dockrev.registry.bulk.fields import Object, entries, mapping, moment_of, tag_digest
from dockrev.registry.bulk.models import TagDigest
from dockrev.registry.transport import Answer

_PAGE_SIZE = 100


class Quay:
    newest_first: ClassVar[bool] = True
    accept: ClassVar[str] = "application/json"
    another_way: ClassVar[frozenset[int]] = frozenset()

    def first_pages(self, ref: ImageRef) -> Sequence[str]:
        query = f"onlyActiveTags=true&limit={_PAGE_SIZE}&page=1"
        return (f"/api/v1/repository/{ref.path}/tag/?{query}",)

    def page(self, content: Json, answer: Answer) -> Page:
        listing = mapping(content)
        tags = entries(listing, "tags")
        following = numbered_after(answer) if listing.get("has_additional") is True else None
        return Page.of(map(_tag, tags), following)


def _tag(entry: Object) -> TagDigest | None:
    return tag_digest(entry.get("name"), entry.get("manifest_digest"), moment_of(entry.get("last_modified")))
