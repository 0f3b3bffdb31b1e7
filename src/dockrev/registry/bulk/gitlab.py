"""The API of GitLab's container registry. It takes the same pull token as `/v2/`.

It needs the metadata database. A registry without one answers 404 (container-registry,
docs/spec/gitlab/api.md, "List Repository Tags").
"""

from collections.abc import Sequence
from typing import ClassVar

from dockrev.errors import Json
from dockrev.oci.ref import ImageRef
from dockrev.registry.bulk.api import BulkPage, Fetch, RegistryAccess, realm_path
from dockrev.registry.bulk.fields import Object, every, moment_of, tag_digest
from dockrev.registry.bulk.models import TagDigest
from dockrev.registry.challenge import Bearer
from dockrev.registry.responses import RegistryResponse

_PAGE_SIZE = 1000


class GitLab:
    hosts: ClassVar[tuple[str, ...]] = ()
    accept: ClassVar[str] = "application/json"
    fallback_statuses: ClassVar[frozenset[int]] = frozenset({400})
    """Releases that cannot sort by time answer 400, and so do older ones that cannot sort at all."""

    def is_behind(self, challenge: Bearer) -> bool:
        return realm_path(challenge) == "/jwt/auth"

    def connect(self, access: RegistryAccess) -> Fetch:
        # Only the token is shared: what this API refuses must not count as refused by `/v2/`.
        return access.own_server(access.endpoint.authorization, login_per_repository=True).fetch

    def first_pages(self, ref: ImageRef) -> Sequence[str]:
        listing = f"/gitlab/v1/repositories/{ref.path}/tags/list/?n={_PAGE_SIZE}"
        return (f"{listing}&sort=-published_at", f"{listing}&sort=desc", listing)

    def page(self, content: Json, response: RegistryResponse) -> BulkPage:
        tags = every(content)
        next_page = response.next_page()
        return BulkPage.of(map(_tag, tags), next_page)


def _tag(entry: Object) -> TagDigest | None:
    updated = moment_of(entry.get("updated_at")) or moment_of(entry.get("created_at"))
    return tag_digest(entry.get("name"), entry.get("digest"), updated)
