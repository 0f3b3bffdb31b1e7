"""The API of quay.io and of self-hosted Quay (docs.quay.io/api, "listRepoTags")."""

from collections.abc import Sequence
from typing import ClassVar

from dockrev.errors import Json
from dockrev.oci.ref import ImageRef
from dockrev.registry.bulk.api import BulkPage, Fetch, RegistryAccess, numbered_after, realm_path
from dockrev.registry.bulk.fields import Object, entries, mapping, moment_of, tag_digest
from dockrev.registry.bulk.models import TagDigest
from dockrev.registry.challenge import Bearer
from dockrev.registry.responses import RegistryResponse

QUAY = "quay.io"

_PAGE_SIZE = 100


class Quay:
    hosts: ClassVar[tuple[str, ...]] = (QUAY,)
    accept: ClassVar[str] = "application/json"
    fallback_statuses: ClassVar[frozenset[int]] = frozenset()

    def is_behind(self, challenge: Bearer) -> bool:
        return realm_path(challenge) == "/v2/auth"

    def connect(self, access: RegistryAccess) -> Fetch:
        if access.registry == QUAY:
            return access.other_server(access.config.quay_api_url).fetch
        return access.own_server().fetch

    def first_pages(self, ref: ImageRef) -> Sequence[str]:
        query = f"onlyActiveTags=true&limit={_PAGE_SIZE}&page=1"
        return (f"/api/v1/repository/{ref.path}/tag/?{query}",)

    def page(self, content: Json, response: RegistryResponse) -> BulkPage:
        listing = mapping(content)
        tags = entries(listing, "tags")
        next_page = numbered_after(response) if listing.get("has_additional") is True else None
        return BulkPage.of(map(_tag, tags), next_page)


def _tag(entry: Object) -> TagDigest | None:
    return tag_digest(entry.get("name"), entry.get("manifest_digest"), moment_of(entry.get("last_modified")))
