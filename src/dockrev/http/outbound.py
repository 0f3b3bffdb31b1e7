"""Requests to URLs that an operator configures: webhooks, and servers of notification channels.

Such a URL must not become a way into the network that Dockrev runs in. The client accepts http and https
only, follows no redirect to another server, reads a short response, and can refuse addresses that are not
public. It looks at the address at the moment it connects, so a name that resolves to another address the
second time (DNS rebinding) gains nothing.
"""

import ipaddress
import socket
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from aiohttp.connector import AddrInfoType

from dockrev.errors import InvalidArgument
from dockrev.http.client import HttpClient, Timeouts
from dockrev.http.failure import AddressForbidden
from dockrev.http.messages import HttpRequest
from dockrev.http.rate_limit import RateLimits

RESPONSE_BYTES = 64 * 1024
REDIRECTS = 3

_NAT64 = ipaddress.ip_network("64:ff9b::/96")

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@asynccontextmanager
async def open_outbound(
    limits: RateLimits,
    tls: ssl.SSLContext,
    timeouts: Timeouts = Timeouts(),  # noqa: B008 -- frozen
    *,
    allow_private: bool,
) -> AsyncIterator[HttpClient]:
    """A client for requests that `outbound_request` makes.

    `allow_private`: it may also connect to private, loopback and link-local addresses. Otherwise such an
    address fails with FailureKind.FORBIDDEN_ADDRESS.
    """
    socket_factory = None if allow_private else public_socket
    async with HttpClient.open(limits, tls, timeouts, socket_factory=socket_factory) as client:
        yield client


def outbound_request(
    method: str, url: str, headers: Mapping[str, str] | None = None, body: bytes | None = None
) -> HttpRequest:
    """Raises InvalidArgument for a URL that `check_url` refuses."""
    check_url(url)
    return HttpRequest(
        method, url, headers or {}, body=body, max_body_bytes=RESPONSE_BYTES, redirects=REDIRECTS
    )


def check_url(url: str) -> None:
    """Raises InvalidArgument, without the URL in its message: URLs of webhooks are secrets."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise InvalidArgument("not a URL") from error
    if parts.scheme not in {"http", "https"}:
        raise InvalidArgument("the URL must begin with http:// or https://")
    if not parts.hostname or port == 0:
        raise InvalidArgument("the URL names no server")
    if not url.isascii() or any(character.isspace() or not character.isprintable() for character in url):
        raise InvalidArgument("the URL has characters that must be percent-encoded")


def public_socket(address: AddrInfoType) -> socket.socket:
    """A socket for a connection to `address`. Raises AddressForbidden when the address is not public."""
    family, kind, protocol, _, place = address
    if not is_public(str(place[0])):
        raise AddressForbidden("the address is not public")
    return socket.socket(family, kind, protocol)


def is_public(text: str) -> bool:
    """Whether an IP address belongs to the internet. What counts is the IPv4 address inside an IPv6 one."""
    address = _embedded(ipaddress.ip_address(text.partition("%")[0]))
    return address.is_global and not address.is_multicast


def _embedded(address: _Address) -> _Address:
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address.ipv4_mapped or address.sixtofour:
        return address.ipv4_mapped or address.sixtofour or address
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    return address
