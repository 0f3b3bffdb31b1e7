"""Requests to other servers, and their responses. No I/O."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Self
from urllib.parse import urlsplit

from multidict import CIMultiDictProxy

REDIRECT_STATUSES = frozenset({301, 302, 303, 307, 308})


@dataclass(frozen=True, slots=True)
class HttpRequest:
    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    form: Mapping[str, str] | None = None
    """Sent as `application/x-www-form-urlencoded`."""
    body: bytes | None = None
    max_body_bytes: int = 0
    """The client reads one byte more at most, so that a caller can tell a body that is too long."""
    redirects: int = 0
    """How many redirects of a GET or HEAD the client follows, all to the same origin. With 0 it returns
    the redirect itself."""
    host_name: str | None = None
    """Names the server in limits, counts and messages, where its name is not the host of the URL."""
    service: str = ""
    """A service on the host that has a rate limit of its own."""
    metered: bool = False
    """The server may count the request against a quota, so only a few of them run at once."""
    speaks_for_host: bool = True
    """False: a failure of this request says nothing about other requests to the host."""

    @property
    def host(self) -> str:
        return self.host_name or urlsplit(self.url).netloc.rpartition("@")[2].lower()

    def at(self, url: str) -> Self:
        return replace(self, url=url)


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """`url`: the URL that answered."""

    status: int
    headers: CIMultiDictProxy[str]
    body: bytes
    url: str


def same_origin(url: str, other: str) -> bool:
    """Scheme, host and port are the same (RFC 6454)."""
    return _origin_of(url) == _origin_of(other)


def _origin_of(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)
