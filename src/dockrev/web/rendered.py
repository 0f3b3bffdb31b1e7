"""Answers that are rendered once for each version of what they show, and then only sent."""

import asyncio
import gzip
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import blake2b
from typing import Self

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from dockrev.web.headers import RawHeaders, header

Render = Callable[[], Awaitable[bytes]]
"""Gives the JSON text."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A response that needs nothing but sending."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes

    def response(self) -> Response:
        response = Response(status_code=self.status)
        response.body = self.body
        response.raw_headers = list(self.headers)
        return response


@dataclass(frozen=True, slots=True)
class _Variant:
    """One encoding of a body. Each has its own strong ETag, as RFC 9110 8.8.3 asks."""

    etag: str
    whole: Prepared
    not_modified: Prepared

    @classmethod
    def of(cls, body: bytes, *encoding: tuple[bytes, bytes]) -> Self:
        etag = f'"{blake2b(body, digest_size=16).hexdigest()}"'
        headers = ((b"etag", etag.encode()), (b"vary", b"accept-encoding"), (b"cache-control", b"no-cache"))
        length = (b"content-length", str(len(body)).encode())
        whole = (*headers, *encoding, (b"content-type", b"application/json"), length)
        return cls(etag, Prepared(200, whole, body), Prepared(304, headers, b""))


@dataclass(frozen=True, slots=True)
class _Rendered:
    version: int
    plain: _Variant
    gzipped: _Variant

    def chosen(self, headers: RawHeaders) -> Prepared:
        variant = self.gzipped if accepts_gzip(header(headers, b"accept-encoding")) else self.plain
        known = header(headers, b"if-none-match")
        return variant.not_modified if known and _matches(known, variant.etag) else variant.whole


@dataclass(slots=True)
class _Slot:
    rendered: _Rendered | None = None
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class RenderedCache:
    """Holds the newest version of each key. Keys are few: those of a route's closed set of views.

    A version only grows. It is read before rendering, so what is rendered is never older than it says.
    """

    def __init__(self) -> None:
        self._slots: dict[str, _Slot] = {}

    def ready(self, scope: Scope, version: int, key: str) -> Prepared | None:
        """The answer, if this version is rendered: for a lane."""
        slot = self._slots.get(key)
        if slot is None or slot.rendered is None or slot.rendered.version < version:
            return None
        return slot.rendered.chosen(scope["headers"])

    async def respond(self, request: Request, version: int, key: str, render: Render) -> Response:
        """`render` is awaited once for each version, whoever else asks meanwhile."""
        ready = self.ready(request.scope, version, key)
        if ready is None:
            slot = self._slots.setdefault(key, _Slot())
            ready = (await _renew(slot, version, render)).chosen(request.scope["headers"])
        return ready.response()


async def _renew(slot: _Slot, version: int, render: Render) -> _Rendered:
    async with slot.lock:
        if slot.rendered is None or slot.rendered.version < version:
            body = await render()
            compressed = await asyncio.to_thread(gzip.compress, body, 6, mtime=0)
            gzipped = _Variant.of(compressed, (b"content-encoding", b"gzip"))
            slot.rendered = _Rendered(version, _Variant.of(body), gzipped)
        return slot.rendered


def _matches(if_none_match: str, etag: str) -> bool:
    """The weak comparison of RFC 9110 13.1.2."""
    tags = {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}
    return etag in tags or "*" in tags


@lru_cache(maxsize=256)
def accepts_gzip(accept_encoding: str | None) -> bool:
    """RFC 9110 12.5.3: named with a weight above 0, or covered by `*`."""
    weights: dict[str, float] = {}
    for item in (accept_encoding or "").lower().split(","):
        name, _, parameter = item.partition(";")
        weights[name.strip()] = _weight(parameter)
    return weights.get("gzip", weights.get("*", 0.0)) > 0


def _weight(parameter: str) -> float:
    name, _, value = parameter.partition("=")
    if name.strip() != "q":
        return 1.0
    try:
        return float(value)
    except ValueError:
        return 0.0
