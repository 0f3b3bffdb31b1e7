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

from dockrev.web.headers import RawHeaders, header


@dataclass(frozen=True, slots=True)
class _Variant:
    """One encoding of a body. Each has its own strong ETag, as RFC 9110 8.8.3 asks."""

    body: bytes
    etag: str
    headers: tuple[tuple[bytes, bytes], ...]

    @classmethod
    def of(cls, body: bytes, encoding: str | None) -> Self:
        etag = f'"{blake2b(body, digest_size=16).hexdigest()}"'
        headers = [(b"etag", etag.encode()), (b"vary", b"accept-encoding"), (b"cache-control", b"no-cache")]
        if encoding:
            headers.append((b"content-encoding", encoding.encode()))
        return cls(body, etag, tuple(headers))

    def respond(self, if_none_match: str | None) -> Response:
        if if_none_match and _matches(if_none_match, self.etag):
            return _prepared(304, b"", self.headers)
        length = (b"content-length", str(len(self.body)).encode())
        return _prepared(200, self.body, (*self.headers, (b"content-type", b"application/json"), length))


@dataclass(frozen=True, slots=True)
class _Rendered:
    version: int
    plain: _Variant
    gzipped: _Variant


@dataclass(slots=True)
class _Slot:
    rendered: _Rendered | None = None
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class RenderedCache:
    """Holds the newest version of each key. Keys are few: those of a route's closed set of views."""

    def __init__(self) -> None:
        self._slots: dict[str, _Slot] = {}

    async def respond(
        self, request: Request, version: int, key: str, render: Callable[[], Awaitable[bytes]]
    ) -> Response:
        """`version` only grows; `render` is awaited once for each, whoever else asks meanwhile."""
        slot = self._slots.setdefault(key, _Slot())
        rendered = slot.rendered
        if rendered is None or rendered.version < version:
            rendered = await _renew(slot, version, render)
        headers: RawHeaders = request.scope["headers"]
        variant = rendered.gzipped if accepts_gzip(header(headers, "accept-encoding")) else rendered.plain
        return variant.respond(header(headers, "if-none-match"))


async def _renew(slot: _Slot, version: int, render: Callable[[], Awaitable[bytes]]) -> _Rendered:
    async with slot.lock:
        if slot.rendered is None or slot.rendered.version < version:
            body = await render()
            compressed = await asyncio.to_thread(gzip.compress, body, 6, mtime=0)
            slot.rendered = _Rendered(version, _Variant.of(body, None), _Variant.of(compressed, "gzip"))
        return slot.rendered


def _prepared(status: int, body: bytes, headers: tuple[tuple[bytes, bytes], ...]) -> Response:
    response = Response(status_code=status)
    response.body = body
    response.raw_headers = list(headers)
    return response


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
