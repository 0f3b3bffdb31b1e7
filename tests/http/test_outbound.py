"""URLs that an operator configures lead to no server that they should not lead to."""

import socket

import aiohttp
import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult
from hypothesis import given
from hypothesis import strategies as st

from dockrev.errors import InvalidArgument
from dockrev.http.client import HttpClient, tls_context
from dockrev.http.failure import AddressForbidden, FailureKind, HttpFailure
from dockrev.http.outbound import check_url, is_public, open_outbound, outbound_request, public_socket
from dockrev.http.rate_limit import RateLimits
from tests.fakes.http_server import HttpServer
from tests.http.conftest import TIMEOUTS

PUBLIC = ("93.184.216.34", "2606:2800:220:1::1", "::ffff:93.184.216.34", "64:ff9b::5db8:d822")
NOT_PUBLIC = (
    "127.0.0.1",
    "127.8.8.8",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "0.0.0.0",
    "224.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "fe80::1",
    "fe80::1%eth0",
    "fd00::1",
    "ff02::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "2002:7f00:1::",
    "64:ff9b::a00:1",
)


class Names(AbstractResolver):
    """Resolves every name to loopback, as a hostile DNS server does once the name was checked."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        del family
        return [
            ResolveResult(hostname=host, host="127.0.0.1", port=port, family=socket.AF_INET, proto=0, flags=0)
        ]

    async def close(self) -> None:
        pass


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_addresses_that_are_not_public(address: str) -> None:
    assert not is_public(address)


@given(st.ip_addresses(v=4))
def test_an_address_inside_another_counts_as_itself(address: object) -> None:
    assert is_public(f"::ffff:{address}") is is_public(f"64:ff9b::{address}") is is_public(str(address))


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
async def test_a_private_address_is_refused_before_anything_is_sent(limits: RateLimits, host: str) -> None:
    async with (
        HttpServer() as server,
        open_outbound(limits, tls_context(None), allow_private=False) as client,
    ):
        with pytest.raises(HttpFailure, match="an address that Dockrev may not connect to") as caught:
            await client.send(outbound_request("POST", f"http://{host}:{server.port}/hook"))

        assert (caught.value.kind, caught.value.permanent) == (FailureKind.FORBIDDEN_ADDRESS, True)
        assert server.requests == []


@pytest.mark.parametrize("host", ["2130706433", "127.1", "0x7f000001", "0177.0.0.1"])
async def test_other_spellings_of_a_private_address_reach_nothing(limits: RateLimits, host: str) -> None:
    async with (
        HttpServer() as server,
        open_outbound(limits, tls_context(None), allow_private=False) as client,
    ):
        with pytest.raises(HttpFailure):
            await client.send(outbound_request("GET", f"http://{host}:{server.port}/"))

        assert server.requests == []


async def test_private_addresses_can_be_allowed(limits: RateLimits) -> None:
    async with HttpServer() as server, open_outbound(limits, tls_context(None), allow_private=True) as client:
        response = await client.send(outbound_request("POST", f"{server.url}/hook", body=b"{}"))

    assert (response.status, server.requests) == (200, ["POST /hook"])


async def test_the_address_counts_and_not_the_name(limits: RateLimits) -> None:
    connector = aiohttp.TCPConnector(resolver=Names(), socket_factory=public_socket)
    async with HttpServer() as server, aiohttp.ClientSession(connector=connector) as session:
        with pytest.raises(HttpFailure) as caught:
            await HttpClient(session, TIMEOUTS, limits).send(
                outbound_request("GET", f"http://hook.example:{server.port}/")
            )

        assert caught.value.kind is FailureKind.FORBIDDEN_ADDRESS
        assert server.requests == []


def test_a_socket_is_made_for_public_addresses_only() -> None:
    public_socket((socket.AF_INET, socket.SOCK_STREAM, 0, "", ("93.184.216.34", 443))).close()
    with pytest.raises(AddressForbidden):
        public_socket((socket.AF_INET6, socket.SOCK_STREAM, 0, "", ("fe80::1%2", 443, 0, 2)))


@pytest.mark.parametrize("location", ["http://127.0.0.1:9/", "https://example.com/", "//example.com"])
async def test_a_redirect_to_another_server_is_refused(limits: RateLimits, location: str) -> None:
    answer = web.Response(status=302, headers={"Location": location})
    async with (
        HttpServer(answer) as server,
        open_outbound(limits, tls_context(None), allow_private=True) as client,
    ):
        with pytest.raises(HttpFailure, match="redirects to another server"):
            await client.send(outbound_request("GET", server.url))


async def test_the_response_is_bounded(limits: RateLimits) -> None:
    async with (
        HttpServer(web.Response(body=b"x" * 1_000_000)) as server,
        open_outbound(limits, tls_context(None), allow_private=True) as client,
    ):
        response = await client.send(outbound_request("GET", server.url))

    assert len(response.body) == 64 * 1024 + 1


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("file:///etc/passwd", "must begin with http"),
        ("ftp://example.com/", "must begin with http"),
        ("unix:///var/run/docker.sock", "must begin with http"),
        ("example.com/hook", "must begin with http"),
        ("", "must begin with http"),
        ("http://", "names no server"),
        ("http://:80/", "names no server"),
        ("http://example.com:0/", "names no server"),
        ("http://example.com:port/", "not a URL"),
        ("http://[::1/", "not a URL"),
        ("http://example.com/a b", "percent-encoded"),
        ("http://example.com/\x00", "percent-encoded"),
        ("http://exämple.com/", "percent-encoded"),
    ],
)
def test_a_url_that_cannot_be_used_is_refused_without_showing_it(url: str, problem: str) -> None:
    with pytest.raises(InvalidArgument, match=problem) as caught:
        outbound_request("GET", url)

    assert not url or url not in caught.value.message


@pytest.mark.parametrize(
    "url", ["https://example.com", "http://10.0.0.1:8080/hook?key=a%20b", "http://[::1]/"]
)
def test_a_good_url_is_accepted(url: str) -> None:
    check_url(url)
