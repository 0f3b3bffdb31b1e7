"""A bulk API in use: page after page while they are wanted, and every failure remembered."""

import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import UTC, datetime

import structlog

from dockrev.clock import Clock
from dockrev.errors import InvalidArgument, RegistryError, RegistryErrorCode
from dockrev.oci.ref import ImageRef
from dockrev.registry.answers import REDIRECTS, bad, parsed, raise_for_status, whole_body
from dockrev.registry.bulk.api import Api, Page
from dockrev.registry.bulk.fields import document, mapping
from dockrev.registry.bulk.memory import DAY, Memory, NoSuchApi
from dockrev.registry.bulk.models import TagDigest
from dockrev.registry.limits import retry_after
from dockrev.registry.questions import Question, bulk_page
from dockrev.registry.transport import Answer

log = structlog.get_logger()

MAX_PAGES = 500

Ask = Callable[[Question], Awaitable[Answer]]

_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


class Listing:
    """`ask` gives the answer of `host` whatever its status."""

    def __init__(self, api: Api, ask: Ask, host: str, memory: Memory, clock: Clock) -> None:
        self._api = api
        self._ask = ask
        self._host = host
        self._memory = memory
        self._clock = clock
        self._ways: dict[str, int] = {}
        """Which of the first pages an owner's repositories have."""

    @property
    def newest_first(self) -> bool:
        return self._api.newest_first

    async def pages(self, ref: ImageRef) -> AsyncIterator[Sequence[TagDigest]]:
        try:
            async for page in self._pages(ref):
                yield sorted(page.tags, key=_age, reverse=True)
        except RegistryError as error:
            raise self._memory.failed(ref, error) from error

    async def _pages(self, ref: ImageRef) -> AsyncIterator[Page]:
        seen: set[str] = set()
        question, answer = await self._first(ref)
        for number in itertools.count(1):
            page = self._read(question, answer)
            yield page
            nothing_new = bool(page.tags) and seen.issuperset(tag.tag for tag in page.tags)
            seen.update(tag.tag for tag in page.tags)
            if page.next is None or page.next == question.target or nothing_new:
                return
            if number == MAX_PAGES:
                log.warning(
                    f"{self._host} does not end the tags of {ref.repository}; they are cut at page {number}",
                    action="registry.tags_cut",
                )
                return
            question = bulk_page(ref, page.next, self._api.accept)
            answer = await self._ask(question)

    async def _first(self, ref: ImageRef) -> tuple[Question, Answer]:
        owner = ref.path.partition("/")[0]
        usual = self._ways.get(owner, 0)
        pages = self._api.first_pages(ref)
        for way in sorted(range(len(pages)), key=lambda way: way != usual):
            question = bulk_page(ref, pages[way], self._api.accept)
            answer = await self._ask(question)
            if answer.status not in self._api.another_way:
                break
        if answer.status == 200:
            self._ways[owner] = way
        return question, answer

    def _read(self, question: Question, answer: Answer) -> Page:
        self._raise_unless_good(answer, question)
        content = parsed(document, whole_body(answer, self._host, question), self._host, question)
        try:
            page = self._api.page(content, answer)
        except InvalidArgument as error:
            raise self._no_such_api(question, error.message) from error
        if page.unusable and not page.tags:
            raise bad(self._host, "named tags without digests", question.what, permanent=True)
        return page

    def _raise_unless_good(self, answer: Answer, question: Question) -> None:
        now = self._clock.now()
        wait = retry_after(answer, now) if answer.status == 403 else None
        if wait is not None:
            # GitHub's way to say 429.
            raise RegistryError(
                RegistryErrorCode.RATE_LIMITED,
                f"{self._host} limits how often it may be asked for {question.what}.",
                retry_at=now + min(wait, DAY),
            )
        missing = answer.status in REDIRECTS | {405, 410, 501}
        if missing or (answer.status == 404 and not _is_object(answer.body)):
            raise self._no_such_api(question, f"HTTP {answer.status}")
        raise_for_status(answer, self._host, question.what)

    def _no_such_api(self, question: Question, sign: str) -> NoSuchApi:
        return NoSuchApi(
            RegistryErrorCode.NOT_FOUND,
            f"{self._host} has no API that is known here for {question.what} ({sign}).",
            permanent=True,
        )


def _is_object(body: bytes) -> bool:
    """An API says 404 in JSON; a page of text says that there is no API."""
    try:
        mapping(document(body))
    except InvalidArgument:
        return False
    return True


def _age(tag: TagDigest) -> datetime:
    return tag.updated_at or _LONG_AGO
