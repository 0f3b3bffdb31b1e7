"""Google's registries: their plain tag list also says what each tag names, in one page.

google/go-containerregistry, pkg/v1/google/list.go, shows the shape.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import ClassVar

from dockrev.errors import Json
from dockrev.oci.ref import ImageRef
from dockrev.registry.bulk.api import Page
from dockrev.registry.bulk.fields import Object, mapping, tag_digest
from dockrev.registry.bulk.models import TagDigest
from dockrev.registry.links import next_page
from dockrev.registry.transport import Answer


class Google:
    newest_first: ClassVar[bool] = True
    accept: ClassVar[str] = "application/json"
    another_way: ClassVar[frozenset[int]] = frozenset()

    def first_pages(self, ref: ImageRef) -> Sequence[str]:
        return (f"/v2/{ref.path}/tags/list",)

    def page(self, content: Json, answer: Answer) -> Page:
        manifests = mapping(mapping(content).get("manifest"))
        tags = (tag for digest, entry in manifests.items() for tag in _tags(digest, mapping(entry)))
        return Page.of(tags, next_page(answer.headers.getall("Link", []), answer.url))


def _tags(digest: str, manifest: Object) -> Iterator[TagDigest | None]:
    names = manifest.get("tag")
    updated = _moment(manifest.get("timeUploadedMs"))
    for name in names if isinstance(names, list) else ():
        yield tag_digest(name, digest, updated)


def _moment(milliseconds: Json) -> datetime | None:
    """Milliseconds since 1970, as text."""
    text = str(milliseconds)
    if not text.isascii() or not text.isdigit() or len(text) > 14:
        return None
    return datetime.fromtimestamp(int(text) / 1000, UTC)
