"""Reads the pages of one bulk API as long as the caller wants more, and remembers every failure."""

import itertools
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime

import structlog

from dockrev.errors import InvalidArgument, RegistryError, RegistryErrorCode
from dockrev.oci.ref import ImageRef
from dockrev.registry.bulk.api import BulkApi, BulkPage, Fetch
from dockrev.registry.bulk.failures import FailureCache, NoSuchApi
from dockrev.registry.bulk.fields import mapping
from dockrev.registry.bulk.models import TagDigest
from dockrev.registry.requests import bulk_page
from dockrev.registry.responses import RegistryResponse, parse_json

log = structlog.get_logger()

MAX_PAGES = 500

_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


class BulkListing:
    """The API of one registry. `fetch` asks its server."""

    def __init__(self, api: BulkApi, fetch: Fetch, failures: FailureCache) -> None:
        self._api = api
        self._fetch = fetch
        self._failures = failures
        self._ways: dict[str, int] = {}
        """Which of the first pages the repositories of an owner have."""

    async def pages(self, ref: ImageRef) -> AsyncIterator[Sequence[TagDigest]]:
        """Raises BulkUnavailable."""
        try:
            async for page in self._pages(ref):
                yield sorted(page.tags, key=_age, reverse=True)
        except RegistryError as error:
            raise self._failures.add(ref, error) from error

    async def _pages(self, ref: ImageRef) -> AsyncIterator[BulkPage]:
        seen: set[str] = set()
        response = await self._first_page(ref)
        for number in itertools.count(1):
            page = self._read(response)
            yield page
            nothing_new = bool(page.tags) and seen.issuperset(tag.tag for tag in page.tags)
            seen.update(tag.tag for tag in page.tags)
            if page.next is None or page.next == response.request.target or nothing_new:
                return
            if number == MAX_PAGES:
                log.warning(
                    f"{response.host} does not end the tags of {ref.repository}; "
                    f"Dockrev cuts them at page {number}",
                    action="registry.tags_cut",
                )
                return
            response = await self._fetch(bulk_page(ref, page.next, self._api.accept))

    async def _first_page(self, ref: ImageRef) -> RegistryResponse:
        owner = ref.path.partition("/")[0]
        usual = self._ways.get(owner, 0)
        targets = self._api.first_pages(ref)
        for way in sorted(range(len(targets)), key=lambda way: way != usual):
            response = await self._fetch(bulk_page(ref, targets[way], self._api.accept))
            if response.status not in self._api.fallback_statuses:
                break
        if response.status == 200:
            self._ways[owner] = way
        return response

    def _read(self, response: RegistryResponse) -> BulkPage:
        _raise_for_status(response)
        content = response.parsed(parse_json)
        try:
            page = self._api.page(content, response)
        except InvalidArgument as error:
            raise _no_such_api(response, error.message) from error
        if page.unusable and not page.tags:
            raise response.bad("named tags without digests", permanent=True)
        return page


def _raise_for_status(response: RegistryResponse) -> None:
    missing = response.is_redirect or response.status in {405, 410, 501}
    if missing or (response.status == 404 and not _is_json_object(response.http.body)):
        raise _no_such_api(response, f"HTTP {response.status}")
    response.raise_for_status()


def _no_such_api(response: RegistryResponse, sign: str) -> NoSuchApi:
    return NoSuchApi(
        RegistryErrorCode.NOT_FOUND,
        f"{response.host} has no API that is known here for {response.request.what} ({sign}).",
        permanent=True,
    )


def _is_json_object(body: bytes) -> bool:
    """An API answers 404 with JSON. A page of text shows that there is no API."""
    try:
        mapping(parse_json(body))
    except InvalidArgument:
        return False
    return True


def _age(tag: TagDigest) -> datetime:
    return tag.updated_at or _LONG_AGO
