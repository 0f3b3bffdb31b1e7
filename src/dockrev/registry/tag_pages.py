"""Reads a tag list page by page until its end (distribution spec, "Content Discovery")."""

from collections.abc import Iterable

import structlog

from dockrev.errors import InvalidArgument
from dockrev.oci.ref import ImageRef, is_tag
from dockrev.registry.endpoint_client import EndpointClient
from dockrev.registry.requests import TAGS_PER_PAGE, tags_page
from dockrev.registry.responses import parse_json

log = structlog.get_logger()

MAX_PAGES = 1000
MAX_TAGS = 200_000
_PAGE_SIZE_REFUSED = {400, 405, 416, 422}


async def collect_tags(ref: ImageRef, endpoint: EndpointClient) -> list[str]:
    """In the order of the registry, each once, without names that are no tags: they become part of a path.

    A list without end is cut, and the cut is logged.
    """
    first = f"/v2/{ref.path}/tags/list"
    response = await endpoint.fetch(tags_page(ref, f"{first}?n={TAGS_PER_PAGE}"))
    if response.status in _PAGE_SIZE_REFUSED:
        response = await endpoint.fetch(tags_page(ref, first))
    names: dict[str, None] = {}
    asked: set[str] = set()
    while True:
        page = response.raise_for_status().parsed(_names)
        nothing_new = names.keys() >= set(page)
        names.update(dict.fromkeys(page))
        asked.add(response.request.target)
        target = response.next_page()
        if target is None:
            return _tags(names)
        target = target.removeprefix(endpoint.endpoint.path)
        if nothing_new or target in asked or len(asked) >= MAX_PAGES or len(names) >= MAX_TAGS:
            log.warning(
                f"{endpoint.endpoint.host} does not end the tag list of {ref.repository}; "
                f"Dockrev cuts it after {len(names)} tags",
                action="registry.tags_cut",
            )
            return _tags(names)
        response = await endpoint.fetch(tags_page(ref, target))


def _tags(names: Iterable[str]) -> list[str]:
    return [name for name in names if is_tag(name)]


def _names(body: bytes) -> list[str]:
    """Raises InvalidArgument when the body is no tag list; `null` is an empty one."""
    document = parse_json(body)
    names = document.get("tags", False) if isinstance(document, dict) else False
    if names is None:
        return []
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise InvalidArgument("not a list of tags")
    return names
