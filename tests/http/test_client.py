"""The HTTP client: bounded bodies, time limits, redirects, and failures in words an operator can act on."""

import asyncio
import contextlib
import socket
import traceback
from pathlib import Path

import aiohttp
import pytest
from aiohttp import client_exceptions, web
from aiohttp.abc import AbstractResolver, ResolveResult

from dockrev.http.client import HttpClient, RequestOutdated, Timeouts, tls_context
from dockrev.http.failure import LIBRARY_ERRORS, FailureKind, HttpFailure
from dockrev.http.messages import HttpRequest, same_origin
from dockrev.http.rate_limit import RateLimits
from tests.fakes.http_server import HttpServer, served_with, server_that_says
from tests.http.conftest import TIMEOUTS


async def failure(client: HttpClient, request: HttpRequest) -> HttpFailure:
    with pytest.raises(HttpFailure) as caught:
        await client.send(request)
    return caught.value


async def test_a_response_has_status_headers_body_and_url(client: HttpClient) -> None:
    async with HttpServer(web.Response(status=418, headers={"X-Pot": "tea"}, text="short")) as server:
        response = await client.send(HttpRequest("GET", f"{server.url}/a?b=%2F", max_body_bytes=100))

    assert (response.status, response.headers["x-pot"], response.body) == (418, "tea", b"short")
    assert response.url == f"{server.url}/a?b=%2F"
    assert server.requests == ["GET /a?b=%2F"]


async def test_headers_and_forms_and_bodies_are_sent(client: HttpClient) -> None:
    async def echo(request: web.Request) -> web.Response:
        return web.Response(body=request.headers["X-A"].encode() + b" " + await request.read())

    async with HttpServer(echo) as server:
        form = HttpRequest("POST", server.url, {"X-A": "1"}, form={"a": "b c"}, max_body_bytes=100)
        body = HttpRequest("POST", server.url, {"X-A": "2"}, body=b"{}", max_body_bytes=100)

        assert (await client.send(form)).body == b"1 a=b+c"
        assert (await client.send(body)).body == b"2 {}"


async def test_a_body_that_is_too_long_is_cut_one_byte_after_the_limit(client: HttpClient) -> None:
    async def pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            while True:
                writer.write(b"x" * 1000)
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(pour, "127.0.0.1", 0)
    async with server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        response = await client.send(HttpRequest("GET", url, max_body_bytes=5000))

    assert len(response.body) == 5001


async def test_the_body_of_an_error_is_short_whatever_the_limit(client: HttpClient) -> None:
    async with HttpServer(web.Response(status=404, body=b"x" * 200_000)) as server:
        response = await client.send(HttpRequest("GET", server.url, max_body_bytes=1_000_000))

    assert len(response.body) == 64 * 1024 + 1


async def test_a_redirect_is_a_response_unless_the_request_allows_redirects(client: HttpClient) -> None:
    async with HttpServer(web.Response(status=302, headers={"Location": "/b"})) as server:
        response = await client.send(HttpRequest("GET", f"{server.url}/a"))

    assert (response.status, server.requests) == (302, ["GET /a"])


async def test_allowed_redirects_are_followed_on_the_same_server(client: HttpClient) -> None:

    async def moved(request: web.Request) -> web.Response:
        if request.path == "/a":
            return web.Response(status=302, headers={"Location": "/b"})
        return web.Response(text="here")

    async with HttpServer(moved) as server:
        response = await client.send(HttpRequest("GET", f"{server.url}/a", max_body_bytes=10, redirects=1))

    assert (response.status, response.body, response.url) == (200, b"here", f"{server.url}/b")


@pytest.mark.parametrize(
    ("location", "cause"),
    [
        ("http://127.0.0.2/", "redirects to another server"),
        ("https://127.0.0.1/", "redirects to another server"),
        ("//127.0.0.1:1/", "redirects to another server"),
        ("file:///etc/passwd", "redirects to another server"),
        ("http://[::1/", "redirects to nowhere"),
        (None, "redirects to nowhere"),
        ("/again", "redirects too often"),
    ],
)
async def test_other_redirects_are_refused(client: HttpClient, location: str | None, cause: str) -> None:
    headers = {"Location": location} if location else {}
    async with HttpServer(web.Response(status=307, headers=headers)) as server:
        failed = await failure(client, HttpRequest("GET", server.url, redirects=3))

    assert (failed.kind, failed.permanent) == (FailureKind.BAD_REDIRECT, True)
    assert cause in failed.cause
    assert len(server.requests) == (4 if location == "/again" else 1)


async def test_a_redirect_of_a_post_is_never_followed(client: HttpClient) -> None:
    async with HttpServer(web.Response(status=307, headers={"Location": "/b"})) as server:
        assert (await client.send(HttpRequest("POST", server.url, redirects=3))).status == 307


async def test_a_request_that_is_outdated_at_its_turn_is_not_sent(
    client: HttpClient, limits: RateLimits
) -> None:
    async with HttpServer() as server:
        with pytest.raises(RequestOutdated):
            await client.send(HttpRequest("GET", server.url), lambda: False)

    assert server.requests == []
    assert limits.usage() == []


async def test_an_untrusted_certificate_is_a_permanent_failure(client: HttpClient, certificate: Path) -> None:
    async with HttpServer(tls=served_with(certificate)) as server:
        failed = await failure(client, HttpRequest("GET", server.url))

    assert (failed.kind, failed.permanent) == (FailureKind.TLS, True)
    assert "has a certificate that is not trusted (self-signed certificate)" in failed.cause


async def test_a_certificate_of_an_authority_in_the_ca_file_is_trusted(
    limits: RateLimits, certificate: Path
) -> None:
    async with (
        HttpServer(tls=served_with(certificate)) as server,
        HttpClient.open(limits, tls_context(certificate), TIMEOUTS) as client,
    ):
        assert (await client.send(HttpRequest("GET", server.url))).status == 200


async def test_a_server_without_tls_is_a_tls_failure(client: HttpClient) -> None:
    async with HttpServer() as server:
        failed = await failure(client, HttpRequest("GET", f"https://{server.host}/"))

    assert (failed.kind, failed.cause) == (FailureKind.TLS, "does not speak TLS that can be understood")


class NoNames(AbstractResolver):
    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        raise OSError(None, f"{host}:{port} has no {family.name} address")

    async def close(self) -> None:
        pass


async def test_a_name_without_address_is_unreachable(limits: RateLimits) -> None:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(resolver=NoNames())) as session:
        failed = await failure(
            HttpClient(session, TIMEOUTS, limits), HttpRequest("GET", "https://server.example/")
        )

    assert (failed.kind, failed.cause) == (FailureKind.UNREACHABLE, "has no address")
    assert str(failed).startswith("server.example has no address; check the name")


async def test_a_refused_connection_is_unreachable(client: HttpClient) -> None:
    async with HttpServer() as server:
        await server.stop()
        failed = await failure(client, HttpRequest("GET", server.url))

    assert failed.kind is FailureKind.UNREACHABLE
    assert failed.cause == "cannot be connected to (connection refused)"


async def test_a_connection_that_is_not_taken_ends_in_time(limits: RateLimits) -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        queued = [socket.socket() for _ in range(4)]
        for waiting in queued:
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        timeouts = Timeouts(connect_seconds=0.2, total_seconds=5)
        async with HttpClient.open(limits, tls_context(None), timeouts) as client:
            url = f"http://127.0.0.1:{full.getsockname()[1]}/"
            failed = await failure(client, HttpRequest("GET", url))
        for waiting in queued:
            waiting.close()

    assert (failed.kind, failed.cause) == (FailureKind.TIMEOUT, "took no connection within 0.2 s")


async def test_an_answer_that_takes_too_long_is_a_timeout(limits: RateLimits) -> None:
    timeouts = Timeouts(connect_seconds=5, total_seconds=0.2)
    async with HttpServer() as server, HttpClient.open(limits, tls_context(None), timeouts) as client:
        server.latency_seconds = 30
        failed = await failure(client, HttpRequest("GET", server.url))

    assert (failed.kind, failed.cause) == (FailureKind.TIMEOUT, "gave no answer within 0.2 s")


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (b"SSH-2.0-OpenSSH_9.2\r\n", FailureKind.NOT_HTTP),
        (b"HTTP/1.1 200 OK\r\nbad header\r\n\r\n", FailureKind.NOT_HTTP),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000 + b"\r\n\r\n", FailureKind.NOT_HTTP),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort", FailureKind.UNREACHABLE),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nbody\r\n", FailureKind.NOT_HTTP),
        (
            b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nbody",
            FailureKind.UNREACHABLE,
        ),
        (b"", FailureKind.UNREACHABLE),
    ],
)
async def test_broken_http_is_translated(client: HttpClient, answer: bytes, kind: FailureKind) -> None:
    async with server_that_says(answer) as url:
        failed = await failure(client, HttpRequest("GET", url, max_body_bytes=1000))

    assert failed.kind is kind


@pytest.mark.parametrize("answer", [b"SSH-2.0-OpenSSH_9.2\r\n", b""])
async def test_a_failure_shows_no_secret_of_the_url(client: HttpClient, answer: bytes) -> None:
    async with server_that_says(answer) as url:
        failed = await failure(client, HttpRequest("GET", f"{url}bot123:secret/send?key=secret"))

    assert "secret" not in "".join(traceback.format_exception(failed))


def test_the_host_of_a_url_leaves_out_a_login() -> None:
    assert HttpRequest("GET", "https://ann:secret@server.example:8443/a").host == "server.example:8443"


def test_every_exception_of_the_http_library_is_translated() -> None:
    raised = [
        thing
        for thing in vars(client_exceptions).values()
        if isinstance(thing, type)
        and issubclass(thing, Exception)
        and thing is not aiohttp.WSMessageTypeError
    ]

    assert len(raised) > 20
    assert [thing for thing in raised if not issubclass(thing, LIBRARY_ERRORS)] == []


@pytest.mark.parametrize(
    ("url", "other", "same"),
    [
        ("https://a/x", "https://a:443/y", True),
        ("http://a", "http://A:80", True),
        ("http://a", "https://a", False),
        ("http://a", "http://a:8080", False),
        ("http://a", "http://b", False),
    ],
)
def test_an_origin_is_scheme_host_and_port(url: str, other: str, same: bool) -> None:
    assert same_origin(url, other) is same
