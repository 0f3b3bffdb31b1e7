import asyncio

import pytest
from bench.registry_options import Auth, Behaviour, Stock
from bench.synthetic_registry import SyntheticRegistry, serving
from bench.wire import parse_head

PING = b"GET /v2/ HTTP/1.1\r\nHost: x\r\n\r\n"


def _registry(latency: float = 0) -> SyntheticRegistry:
    behaviour = Behaviour(auth=Auth.NONE, latency=latency, jitter=0, handshake_rtts=0)
    return SyntheticRegistry(Stock(images=1, tags=10), behaviour)


async def _exchange(registry: SyntheticRegistry, *parts: bytes) -> bytes:
    """Sends the parts. Returns everything that the server sends until it closes the connection."""
    async with serving(registry) as host, asyncio.timeout(5):
        reader, writer = await asyncio.open_connection(*host.split(":"))
        for part in parts:
            writer.write(part)
            await writer.drain()
        answered = await reader.read()
        writer.close()
        await writer.wait_closed()
        return answered


def test_a_request_head_is_read() -> None:
    request = parse_head("HEAD /v2/a/tags/list?n=5 HTTP/1.1\r\nHost: x:1\r\nACCEPT:  b, c \r\naccept: d")

    assert (request.method, request.path, request.query) == ("HEAD", "/v2/a/tags/list", "n=5")
    assert request.headers == {"host": "x:1", "accept": "b, c, d"}


@pytest.mark.parametrize("text", ["", "GET /", "GET / HTTP/2", "GET http://x/ HTTP/1.1", "GET / x HTTP/1.1"])
def test_an_invalid_request_head_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse_head(text)


@pytest.mark.parametrize("latency", [0, 5])
async def test_pipelined_requests_are_answered_in_order(latency: float) -> None:
    second = b"GET /v2/bench/service-0000/tags/list HTTP/1.1\r\nConnection: close\r\n\r\n"

    answered = await _exchange(_registry(latency), PING + second)

    first, _, rest = answered.partition(b"{}")
    assert first.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b'"name":"bench/service-0000"' in rest


async def test_a_request_may_arrive_in_pieces_and_with_a_body() -> None:
    answered = await _exchange(
        _registry(),
        b"POST /__reset HTT",
        b"P/1.1\r\nContent-Length: 4\r\n\r\nab",
        b"cdGET /v2/ HTTP/1.1\r\nConnection: close\r\n\r\n",
    )

    assert answered.startswith(b"HTTP/1.1 204 No Content\r\n")
    assert answered.endswith(b"\r\n\r\n{}")


@pytest.mark.parametrize(
    "garbage",
    [b"hello\r\n\r\n", b"GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n", b"A" * 70_000],
    ids=["no HTTP", "no length", "endless"],
)
async def test_garbage_gets_one_answer_and_ends_the_connection(garbage: bytes) -> None:
    answered = await _exchange(_registry(), garbage)

    assert answered.startswith(b"HTTP/1.1 400 Bad Request\r\n")


async def test_a_client_that_leaves_before_its_answer_is_counted_as_abandoned() -> None:
    registry = _registry(latency=60_000)
    async with serving(registry) as host, asyncio.timeout(5):
        reader, writer = await asyncio.open_connection(*host.split(":"))
        writer.write(PING)
        writer.write_eof()

        assert await reader.read() == b""
        writer.close()
        await writer.wait_closed()

    report = registry.traffic.report()
    assert (report.requests, report.abandoned, report.peak_in_flight) == (0, 1, 1)
