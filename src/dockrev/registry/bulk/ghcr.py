"""GitHub's packages API, which lists the images of ghcr.io (docs.github.com/rest/packages/packages)."""

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import ClassVar
from urllib.parse import quote

from dockrev.errors import Json, RegistryError, RegistryErrorCode
from dockrev.oci.ref import ImageRef
from dockrev.registry.bulk.api import BulkPage, Fetch, RegistryAccess
from dockrev.registry.bulk.fields import Object, every, mapping, moment_of, tag_digest
from dockrev.registry.bulk.models import TagDigest
from dockrev.registry.challenge import Bearer
from dockrev.registry.responses import RegistryResponse

GHCR = "ghcr.io"

_PAGE_SIZE = 100


class Ghcr:
    hosts: ClassVar[tuple[str, ...]] = (GHCR, "lscr.io")
    """lscr.io redirects everything to ghcr.io."""
    accept: ClassVar[str] = "application/vnd.github+json"
    fallback_statuses: ClassVar[frozenset[int]] = frozenset({404})

    def is_behind(self, challenge: Bearer) -> bool:
        del challenge
        return False  # no other registry keeps its packages at GitHub

    def connect(self, access: RegistryAccess) -> Fetch:
        async def personal_token(_: str) -> str:
            credential = await access.credentials.find(GHCR)
            if credential is None or credential.identity:
                raise RegistryError(
                    RegistryErrorCode.CREDENTIALS,
                    f"{GHCR} needs a login with a personal access token to list what tags name.",
                )
            return f"Bearer {credential.secret}"

        return access.other_server(access.config.github_api_url, personal_token).fetch

    def first_pages(self, ref: ImageRef) -> Sequence[str]:
        """The API has one path for organisations and one for users. An owner is one of the two."""
        owner, _, name = ref.path.partition("/")
        versions = f"{owner}/packages/container/{quote(name, safe='')}/versions"
        query = f"per_page={_PAGE_SIZE}&state=active"
        return (f"/orgs/{versions}?{query}", f"/users/{versions}?{query}")

    def page(self, content: Json, response: RegistryResponse) -> BulkPage:
        """The API also lists versions without tags, such as the images of each index."""
        versions = every(content)
        next_page = response.next_page()
        return BulkPage.of(chain.from_iterable(map(_tags, versions)), next_page)


def _tags(version: Object) -> Iterator[TagDigest | None]:
    names = mapping(mapping(version.get("metadata")).get("container")).get("tags")
    updated = moment_of(version.get("updated_at")) or moment_of(version.get("created_at"))
    for name in names if isinstance(names, list) else ():
        yield tag_digest(name, version.get("name"), updated)
