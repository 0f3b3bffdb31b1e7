"""The GitLab container registry's own API, beside `/v2/` and with the same pull token.

It needs the metadata database; a registry without one answers 404 (container-registry,
docs/spec/gitlab/api.md, "List Repository Tags").
"""

from collections.abc import Sequence
from typing import ClassVar

from dockrev.errors import Json
from dockrev.oci.ref import ImageRef
from dockrev.registry.bulk.api import Page
from dockrev.registry.bulk.fields import Object, every, moment_of, tag_digest
from dockrev.registry.bulk.models import TagDigest
from dockrev.registry.links import next_page
from dockrev.registry.transport import Answer

_PAGE_SIZE = 1000


class GitLab:
    newest_first: ClassVar[bool] = False
    """Releases that cannot sort by time refuse to (400), and older ones to sort at all."""
    accept: ClassVar[str] = "application/json"
    another_way: ClassVar[frozenset[int]] = frozenset({400})

    def first_pages(self, ref: ImageRef) -> Sequence[str]:
        listing = f"/gitlab/v1/repositories/{ref.path}/tags/list/?n={_PAGE_SIZE}"
        return (f"{listing}&sort=-published_at", f"{listing}&sort=desc", listing)

    def page(self, content: Json, answer: Answer) -> Page:
        tags = every(content)
        following = next_page(answer.headers.getall("Link", []), answer.url)
        return Page.of(map(_tag, tags), following)


def _tag(entry: Object) -> TagDigest | None:
    updated = moment_of(entry.get("updated_at")) or moment_of(entry.get("created_at"))
    return tag_digest(entry.get("name"), entry.get("digest"), updated)
