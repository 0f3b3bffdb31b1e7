import asyncio

import pytest
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp

from dockrev.config.shared import AuthConfig
from dockrev.web.access import Access
from dockrev.web.application import create_web_app
from dockrev.web.router import ApiRouter
from dockrev.web.shutdown import Shutdown
from tests.web.serving import serving


def app() -> ASGIApp:
    router = ApiRouter(access=Access.IDENTITY)

    @router.get("/api/health")
    async def health() -> PlainTextResponse:
        return PlainTextResponse("ok")

    return create_web_app([router], AuthConfig(), "1.2.3")


async def send_raw(port: int, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"nonsense\r\n\r\n",
        b"GET /api/\xff HTTP/1.1\r\nhost: a\r\n\r\n",
        b"GET /api/health HTTP/1.1\r\nhost: a\r\ncontent-length: many\r\n\r\n",
        b"POST /api/health HTTP/1.1\r\nhost: a\r\ncontent-length: -1\r\n\r\n",
        b"POST /api/health HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
        b"GET /api/health HTTP/1.1\r\nho st: a\r\n\r\n",
        b"GET /api/health HTTP/1.1\r\nhost: a\x00\r\n\r\n",
        b"GET\x00 / HTTP/1.1\r\n\r\n",
    ],
)
async def test_a_request_that_is_not_valid_http_gets_the_envelope(request_bytes: bytes) -> None:
    async with serving(app()) as served:
        answer = await send_raw(served.port, request_bytes)
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert b"x-content-type-options: nosniff" in head
    assert body.startswith(b'{"error":{"code":"invalid_argument"')
    assert f"content-length: {len(body)}".encode() in head


async def test_head_has_the_headers_of_get_and_no_body() -> None:
    async with serving(app()) as served:
        answer = await send_raw(
            served.port, b"HEAD /api/health HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"
        )
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")
    assert b"content-length: 2" in head
    assert body == b""


async def test_the_server_does_not_name_itself() -> None:
    async with serving(app()) as served, served.client.get("/api/health") as response:
        assert "server" not in response.headers


async def test_the_shutdown_is_announced_before_the_server_waits_for_open_responses() -> None:
    shutdown = Shutdown()
    async with serving(app(), shutdown) as served:
        assert not shutdown.begun
        served.server.should_exit = True
        await asyncio.wait_for(shutdown.wait(), 5)
    assert shutdown.begun
