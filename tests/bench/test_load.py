import asyncio
from pathlib import Path

import aiohttp
import pytest
from bench.child import child
from bench.load import LoadFailed, Target, load, percentile
from bench.raw_asgi import serving as serving_bytes
from bench.registry_options import Auth, Behaviour
from bench.traffic import Kind

from tests.bench.asking import asking


async def test_the_load_and_the_server_count_the_same_requests() -> None:
    async with asking(Behaviour(auth=Auth.NONE)) as registry:
        url = f"http://{registry.control.host}/v2/bench/service-0000/tags/list"
        got = await load(Target.of(url), seconds=0.2, connections=4)
        headed = await load(Target.of(url, "HEAD"), seconds=0.2, connections=4)
        report = await registry.stats()

    assert got.requests + headed.requests == report.count(Kind.TAGS)
    assert (got.statuses, headed.statuses) == ({200: got.requests}, {200: headed.requests})
    assert got.bytes_received + headed.bytes_received == report.bytes_sent
    assert report.connections == 8
    assert 0 < got.p50_ms <= got.p99_ms
    assert got.per_second == pytest.approx(got.requests / got.seconds)


async def test_other_statuses_are_counted_and_not_hidden() -> None:
    async with asking(Behaviour(fail_rate=0.5)) as registry:
        result = await load(Target.of(f"http://{registry.control.host}/v2/"), seconds=0.1, connections=2)

    assert set(result.statuses) == {401, 503}
    assert sum(result.statuses.values()) == result.requests


async def test_headers_are_sent_along() -> None:
    async with asking(Behaviour()) as registry:
        token = await registry.token("bench/service-0000")
        url = f"http://{registry.control.host}/v2/bench/service-0000/tags/list"
        result = await load(
            Target.of(url, headers={"authorization": f"Bearer {token}"}), seconds=0.05, connections=1
        )

    assert set(result.statuses) == {200}


@pytest.mark.parametrize(
    "answer", [b"", b"HTTP/1.1 200 OK\r\n\r\n", b"SSH-2.0-x\r\n\r\n", b"HTTP/1.1 204 None\r\n\r\nmore"]
)
async def test_an_answer_without_a_length_fails_the_load(answer: bytes) -> None:
    async def reply(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(reply, "127.0.0.1", 0) as server, asyncio.timeout(5):
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(LoadFailed):
            await load(Target("127.0.0.1", port, "/"), seconds=5, connections=2)


@pytest.mark.parametrize("url", ["https://127.0.0.1/", "127.0.0.1:80", "http://"])
def test_only_plain_http_urls_are_accepted(url: str) -> None:
    with pytest.raises(ValueError, match="not an http:// URL"):
        Target.of(url)


def test_percentiles_are_measured_values() -> None:
    ordered = [float(number) for number in range(1, 101)]

    assert (percentile(ordered, 50), percentile(ordered, 99), percentile(ordered, 100)) == (50, 99, 100)
    assert percentile([7.0], 50) == 7


async def test_raw_asgi_serves_the_given_bytes() -> None:
    async with serving_bytes(b'{"a":1}', "application/json") as host, aiohttp.ClientSession() as session:
        async with session.get(f"http://{host}/anything") as response:
            assert response.content_type == "application/json"
            assert await response.read() == b'{"a":1}'
        result = await load(Target.of(f"http://{host}/"), seconds=0.1, connections=2)

    assert set(result.statuses) == {200}


async def test_raw_asgi_runs_as_its_own_process(tmp_path: Path) -> None:
    body = tmp_path / "body"
    body.write_bytes(bytes(100_000))
    async with child("bench.raw_asgi", [str(body), "--content-type", "text/plain"]) as host:
        result = await load(Target.of(f"http://{host}/"), seconds=0.1, connections=4)

    assert set(result.statuses) == {200}
    assert result.bytes_received > result.requests * 100_000
