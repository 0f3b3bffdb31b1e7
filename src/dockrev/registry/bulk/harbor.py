"""Harbor's API (goharbor/harbor, api/v2.0/swagger.yaml, "listArtifacts")."""

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import ClassVar
from urllib.parse import quote

from dockrev.errors import Json
from dockrev.oci.ref import ImageRef
from dockrev.registry.bulk.api import BulkPage, Fetch, RegistryAccess, numbered_after, realm_path
from dockrev.registry.bulk.fields import Object, child_of, every, moment_of, objects, tag_digest
from dockrev.registry.bulk.models import TagDigest
from dockrev.registry.challenge import Bearer
from dockrev.registry.responses import RegistryResponse

_PAGE_SIZE = 100


class Harbor:
    hosts: ClassVar[tuple[str, ...]] = ()
    accept: ClassVar[str] = "application/json"
    fallback_statuses: ClassVar[frozenset[int]] = frozenset()

    def is_behind(self, challenge: Bearer) -> bool:
        return realm_path(challenge) == "/service/token"

    def connect(self, access: RegistryAccess) -> Fetch:
        async def password(_: str) -> str | None:
            credential = await access.credentials.find(access.registry)
            return credential.basic if credential and not credential.identity else None

        return access.own_server(password).fetch

    def first_pages(self, ref: ImageRef) -> Sequence[str]:
        project, _, repository = ref.path.partition("/")
        # A proxy in front of Harbor decodes the path once, so the client encodes a slash twice.
        repository = quote(quote(repository, safe=""), safe="")
        query = f"with_tag=true&page_size={_PAGE_SIZE}&page=1&sort=-push_time"
        return (f"/api/v2.0/projects/{project}/repositories/{repository}/artifacts?{query}",)

    def page(self, content: Json, response: RegistryResponse) -> BulkPage:
        artifacts = every(content)
        more = response.next_page()
        next_page = numbered_after(response) if more else None
        return BulkPage.of(chain.from_iterable(map(_tags, artifacts)), next_page)


def _tags(artifact: Object) -> Iterator[TagDigest | None]:
    references = objects(artifact.get("references"))
    children = (child_of(entry.get("child_digest"), entry.get("platform")) for entry in references)
    images = tuple(child for child in children if child)
    for entry in objects(artifact.get("tags")):
        yield tag_digest(entry.get("name"), artifact.get("digest"), moment_of(entry.get("push_time")), images)
