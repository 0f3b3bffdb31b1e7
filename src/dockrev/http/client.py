"""The outgoing HTTP client: every request has a time limit, a bounded body and the rate limit of its host."""

import asyncio
import itertools
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Self
from urllib.parse import urljoin

import aiohttp
from aiohttp.connector import SocketFactoryType
from yarl import URL

from dockrev.http.failure import LIBRARY_ERRORS, FailureKind, HttpFailure, translate
from dockrev.http.messages import REDIRECT_STATUSES, HttpRequest, HttpResponse, same_origin
from dockrev.http.rate_limit import RateLimits

_ERROR_BODY_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Timeouts:
    connect_seconds: float = 3.0
    total_seconds: float = 8.0


class RequestOutdated(Exception):
    """The client did not send the request, because its login expired while it waited for its turn."""


class HttpClient:
    """Sends requests. Clients that share `limits` share what each host allows."""

    def __init__(self, session: aiohttp.ClientSession, timeouts: Timeouts, limits: RateLimits) -> None:
        self._session = session
        self._timeouts = timeouts
        self.limits = limits

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        limits: RateLimits,
        tls: ssl.SSLContext,
        timeouts: Timeouts = Timeouts(),
        *,
        socket_factory: SocketFactoryType | None = None,
    ) -> AsyncIterator[Self]:
        """The connection pool has no limit of its own: the rate limit of each host holds requests back."""
        connector = aiohttp.TCPConnector(
            ssl=tls, limit=0, keepalive_timeout=60, socket_factory=socket_factory
        )
        async with aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=timeouts.total_seconds, connect=timeouts.connect_seconds),
            headers={"User-Agent": "dockrev"},
            loop=asyncio.get_running_loop(),
        ) as session:
            yield cls(session, timeouts, limits)

    async def send(
        self, request: HttpRequest, still_valid: Callable[[], bool] = lambda: True
    ) -> HttpResponse:
        """The response, whatever its status; 429 and a first 5xx are retried before.

        The client calls `still_valid` when the turn of the request has come. Raises HttpFailure when there
        is no response, RequestOutdated when `still_valid` returns False.
        """
        for followed in itertools.count():
            limit = self.limits.of(request.host, request.service)
            response = await limit.send(
                partial(self._exchange, request, still_valid),
                metered=request.metered,
                speaks_for_host=request.speaks_for_host,
            )
            if request.redirects == 0 or not _is_redirect(request, response):
                break
            if followed == request.redirects:
                raise _bad_redirect(request, "redirects too often")
            request = request.at(_redirect_url(request, response))
        return response

    async def _exchange(self, request: HttpRequest, still_valid: Callable[[], bool]) -> HttpResponse:
        if not still_valid():
            raise RequestOutdated
        try:
            async with self._session.request(
                request.method,
                URL(request.url, encoded=True),
                headers=request.headers,
                data=request.body if request.form is None else request.form,
                allow_redirects=False,
            ) as response:
                body = await _bounded_body(response, request.max_body_bytes)
                return HttpResponse(response.status, response.headers, body, request.url)
        except LIBRARY_ERRORS as error:
            times = self._timeouts
            # The library's messages hold the URL, and URLs may hold secrets: its error is not chained.
            raise translate(error, request.host, times.connect_seconds, times.total_seconds) from None


async def _bounded_body(response: aiohttp.ClientResponse, limit: int) -> bytes:
    if response.status != 200:
        limit = min(limit, _ERROR_BODY_BYTES)
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > limit:
            response.close()
            break
    return bytes(body[: limit + 1])


def _is_redirect(request: HttpRequest, response: HttpResponse) -> bool:
    return response.status in REDIRECT_STATUSES and request.method in {"GET", "HEAD"}


def _redirect_url(request: HttpRequest, response: HttpResponse) -> str:
    try:
        url = urljoin(request.url, response.headers["Location"])
        allowed = same_origin(url, request.url)
    except (KeyError, ValueError):
        raise _bad_redirect(request, "redirects to nowhere") from None
    if not allowed:
        raise _bad_redirect(request, "redirects to another server, which Dockrev does not follow")
    return url


def _bad_redirect(request: HttpRequest, cause: str) -> HttpFailure:
    return HttpFailure(FailureKind.BAD_REDIRECT, request.host, cause, "check the address", permanent=True)


def tls_context(ca_file: Path | None) -> ssl.SSLContext:
    """Trusts the authorities of this machine and those in `ca_file`. Raises OSError or ssl.SSLError."""
    context = ssl.create_default_context()
    if ca_file:
        context.load_verify_locations(cafile=ca_file)
    return context
