"""HTTP to registries and token servers: bounded answers, bounded time, and failures in our own words."""

import asyncio
import os
import ssl
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import aiohttp
from multidict import CIMultiDictProxy
from yarl import URL

from dockrev.errors import RegistryErrorCode

_ERROR_BODY_BYTES = 64 * 1024
_TRUST = (
    "name the authority that signed its certificate in DOCKREV_REGISTRY_CA_FILE, "
    "or list it in DOCKREV_INSECURE_REGISTRIES if it speaks plain HTTP"
)


FOREIGN = (aiohttp.ClientError, TimeoutError, OSError, ValueError)
"""Everything the HTTP library raises for the sake of a server or the network."""


class RequestKind(StrEnum):
    HEAD = "head"
    MANIFEST = "manifest"
    BLOB = "blob"
    TAGS = "tags"
    BULK = "bulk"
    PING = "ping"
    TOKEN = "token"  # noqa: S105 -- a kind of request, not a secret


@dataclass(frozen=True, slots=True)
class Timeouts:
    connect_seconds: float = 3.0
    total_seconds: float = 8.0


@dataclass(frozen=True, slots=True)
class WireRequest:
    """`body_limit`: one byte more than that is read at most, so that too much can be told from enough."""

    kind: RequestKind
    method: str
    url: str
    headers: Mapping[str, str]
    body_limit: int
    form: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: CIMultiDictProxy[str]
    body: bytes
    url: str


class HostFailure(Exception):
    """No HTTP answer came. `cause` completes "<host> ..."; `advice` says what a person can do."""

    def __init__(
        self, reason: RegistryErrorCode, cause: str, advice: str, *, permanent: bool = False
    ) -> None:
        super().__init__(cause)
        self.reason = reason
        self.cause = cause
        self.advice = advice
        self.permanent = permanent


class Transport:
    """Sends one request and follows nothing: redirects are answers like any other."""

    def __init__(self, session: aiohttp.ClientSession, timeouts: Timeouts) -> None:
        self._session = session
        self._timeouts = timeouts
        self.requests_made: Counter[RequestKind] = Counter()

    async def send(self, request: WireRequest) -> Answer:
        """Raises HostFailure when there is no HTTP answer."""
        self.requests_made[request.kind] += 1
        try:
            async with self._session.request(
                request.method,
                URL(request.url, encoded=True),
                headers=request.headers,
                data=request.form,
                allow_redirects=False,
            ) as response:
                body = await _bounded_body(response, request.body_limit)
                return Answer(response.status, response.headers, body, request.url)
        except FOREIGN as error:
            raise self._translated(error) from error

    def _translated(self, error: Exception) -> HostFailure:
        reason = RegistryErrorCode.UNREACHABLE
        cause, advice = "closed the connection before its answer was complete", "try again later"
        match error:
            case aiohttp.ClientConnectorCertificateError():
                reason, advice = RegistryErrorCode.TLS, _TRUST
                cause = f"has a certificate that is not trusted ({_certificate_fault(error)})"
            case aiohttp.ClientSSLError() | ssl.SSLError():
                reason, advice = RegistryErrorCode.TLS, _TRUST
                cause = "does not speak TLS that can be understood"
            case aiohttp.ClientConnectorDNSError():
                cause, advice = "has no address", "check the name and the DNS server of this machine"
            case aiohttp.ConnectionTimeoutError():
                reason, advice = RegistryErrorCode.TIMEOUT, "check the network and its firewalls"
                cause = f"took no connection within {self._timeouts.connect_seconds:g} s"
            case TimeoutError():
                reason = RegistryErrorCode.TIMEOUT
                cause = f"gave no answer within {self._timeouts.total_seconds:g} s"
            case aiohttp.ClientConnectorError():
                cause = f"cannot be connected to ({_connection_fault(error)})"
                advice = "check that it runs and listens there"
            case aiohttp.ClientPayloadError():
                cause = "sent an answer that breaks off or cannot be decoded"
            case aiohttp.ClientResponseError() | aiohttp.InvalidURL() | ValueError():
                reason, advice = RegistryErrorCode.BAD_ANSWER, "check that it is a registry"
                cause = "did not speak HTTP"
        return HostFailure(reason, cause, advice, permanent=reason is RegistryErrorCode.TLS)


def _connection_fault(error: aiohttp.ClientConnectorError) -> str:
    """In the system's words: asyncio's own name the address only."""
    number = error.os_error.errno
    return os.strerror(number).lower() if number else "none of its addresses takes connections"


def _certificate_fault(error: aiohttp.ClientConnectorCertificateError) -> str:
    fault = error.certificate_error
    return fault.verify_message if isinstance(fault, ssl.SSLCertVerificationError) else "unverifiable"


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


def tls_context(ca_file: str | None) -> ssl.SSLContext:
    """The machine's authorities, and those of `ca_file` beside them."""
    context = ssl.create_default_context()
    if ca_file:
        context.load_verify_locations(cafile=ca_file)
    return context


def connect(tls: ssl.SSLContext, timeouts: Timeouts) -> aiohttp.ClientSession:
    """A session without pool limits (each host's gate holds back), cookies or redirects."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(ssl=tls, limit=0, keepalive_timeout=60),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=timeouts.total_seconds, connect=timeouts.connect_seconds),
        headers={"User-Agent": "dockrev"},
        loop=asyncio.get_running_loop(),
    )
