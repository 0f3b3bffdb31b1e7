"""A tag list, collected page by page until it ends (distribution spec, "Content Discovery")."""

from collections.abc import Awaitable, Callable, Iterable

import orjson
import structlog

from dockrev.errors import InvalidArgument
from dockrev.oci.ref import ImageRef, is_tag
from dockrev.registry.answers import parsed, raise_for_status, whole_body
from dockrev.registry.endpoints import Endpoint
from dockrev.registry.links import next_page
from dockrev.registry.questions import TAGS_PER_PAGE, Question, tags_page
from dockrev.registry.transport import Answer

log = structlog.get_logger()

MAX_PAGES = 1000
MAX_TAGS = 200_000
_PAGE_SIZE_REFUSED = {400, 405, 416, 422}

Ask = Callable[[Question], Awaitable[Answer]]


async def collect_tags(ref: ImageRef, endpoint: Endpoint, ask: Ask) -> list[str]:
    """In the order of the registry, each once, without what can be no tag: names become part of a path.

    `ask` gives the registry's answer whatever its status. A list without end is cut, and logged.
    """
    host = endpoint.host
    first = f"/v2/{ref.path}/tags/list"
    question = tags_page(ref, f"{first}?n={TAGS_PER_PAGE}")
    answer = await ask(question)
    if answer.status in _PAGE_SIZE_REFUSED:
        question = tags_page(ref, first)
        answer = await ask(question)
    names: dict[str, None] = {}
    asked: set[str] = set()
    while True:
        raise_for_status(answer, host, question.what)
        page = parsed(_names, whole_body(answer, host, question), host, question)
        nothing_new = names.keys() >= set(page)
        names.update(dict.fromkeys(page))
        asked.add(question.target)
        target = next_page(answer.headers.getall("Link", []), answer.url)
        if target is None:
            return _tags(names)
        target = target.removeprefix(endpoint.path)
        if nothing_new or target in asked or len(asked) >= MAX_PAGES or len(names) >= MAX_TAGS:
            log.warning(
                f"{host} does not end the tag list of {ref.repository}; it is cut after {len(names)} tags",
                action="registry.tags_cut",
            )
            return _tags(names)
        question = tags_page(ref, target)
        answer = await ask(question)


def _tags(names: Iterable[str]) -> list[str]:
    return [name for name in names if is_tag(name)]


def _names(body: bytes) -> list[str]:
    """Raises InvalidArgument when the body is no tag list; `null` is an empty one."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InvalidArgument("not JSON") from error
    names = document.get("tags", False) if isinstance(document, dict) else False
    if names is None:
        return []
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise InvalidArgument("not a list of tags")
    return names
