"""GitHub's packages API, which knows what ghcr.io holds (docs.github.com/rest/packages/packages)."""

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import ClassVar
from urllib.parse import quote

from dockrev.errors import Json
from dockrev.oci.ref import ImageRef
from dockrev.registry.bulk.api import Page
from dockrev.registry.bulk.fields import Object, every, mapping, moment_of, tag_digest
from dockrev.registry.bulk.models import TagDigest
from dockrev.registry.links import next_page
from dockrev.registry.transport import Answer

_PAGE_SIZE = 100


class Ghcr:
    newest_first: ClassVar[bool] = True
    accept: ClassVar[str] = "application/vnd.github+json"
    another_way: ClassVar[frozenset[int]] = frozenset({404})

    def first_pages(self, ref: ImageRef) -> Sequence[str]:
        """An owner is an organisation or a user, and only one of the two has packages there."""
        owner, _, name = ref.path.partition("/")
        versions = f"{owner}/packages/container/{quote(name, safe='')}/versions"
        query = f"per_page={_PAGE_SIZE}&state=active"
        return (f"/orgs/{versions}?{query}", f"/users/{versions}?{query}")

    def page(self, content: Json, answer: Answer) -> Page:
        """Untagged versions, the images of each index among them, are listed too."""
        versions = every(content)
        following = next_page(answer.headers.getall("Link", []), answer.url)
        return Page.of(chain.from_iterable(map(_tags, versions)), following)


def _tags(version: Object) -> Iterator[TagDigest | None]:
    names = mapping(mapping(version.get("metadata")).get("container")).get("tags")
    updated = moment_of(version.get("updated_at")) or moment_of(version.get("created_at"))
    for name in names if isinstance(names, list) else ():
        yield tag_digest(name, version.get("name"), updated)
