"""Copies files in and out of containers of an engine in memory that hangs or breaks off."""

import asyncio
import base64
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

import pytest
from aiohttp import web

from dockrev.docker.archives import Archives
from dockrev.docker.engine import Engine
from dockrev.errors import DockerError, DockerNotFound, StorageError
from tests.fakes.engine import FakeEngine

ARCHIVE = "/containers/c1/archive"


def header(**document: object) -> str:
    whole = {"name": "data", "size": 3, "mode": 0o755, "mtime": "2026-01-02T03:04:05.123456789Z"}
    return base64.b64encode(json.dumps({**whole, **document}).encode()).decode()


@pytest.mark.parametrize(
    ("go_mode", "symlink"), [(0o644, False), (1 << 31 | 0o700, False), (1 << 27 | 0o777, True)]
)
async def test_the_file_mode_of_the_engine_tells_whether_a_path_is_a_symlink(
    fake: FakeEngine, client: Engine, go_mode: int, symlink: bool
) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(headers={"X-Docker-Container-Path-Stat": header(mode=go_mode)})

    fake.handlers[f"GET {ARCHIVE}"] = answer
    assert await Archives(client).is_symlink("c1", "/data") is symlink


async def chunk_then_silence(left: asyncio.Event, request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    try:
        await response.write(b"piece")
        await asyncio.Event().wait()
    finally:
        left.set()
    return response


async def test_a_download_fails_when_the_engine_is_silent(fake: FakeEngine, client: Engine) -> None:
    left = asyncio.Event()
    fake.handlers[f"GET {ARCHIVE}"] = lambda request: chunk_then_silence(left, request)

    async with aclosing(Archives(client, idle_seconds=0.2).get("c1", "/data")) as pieces:
        assert await anext(pieces) == b"piece"
        with pytest.raises(DockerError, match=r"within 0\.2 seconds"):
            await anext(pieces)


async def test_the_caller_may_stop_a_download_early(fake: FakeEngine, client: Engine) -> None:
    left = asyncio.Event()
    fake.handlers[f"GET {ARCHIVE}"] = lambda request: chunk_then_silence(left, request)

    async with aclosing(Archives(client).get("c1", "/data")) as pieces:
        assert await anext(pieces) == b"piece"
    async with asyncio.timeout(5):
        await left.wait()


async def test_an_error_of_the_caller_is_not_reported_as_an_engine_failure(
    fake: FakeEngine, client: Engine
) -> None:
    left = asyncio.Event()
    fake.handlers[f"GET {ARCHIVE}"] = lambda request: chunk_then_silence(left, request)

    async def full_disk() -> None:
        async with aclosing(Archives(client).get("c1", "/data")) as pieces:
            async for _ in pieces:
                raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left on device"):
        await full_disk()


async def test_a_download_that_breaks_off_is_a_failure(fake: FakeEngine, client: Engine) -> None:
    async def cut(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"piece")
        assert request.transport is not None
        request.transport.abort()
        return response

    fake.handlers[f"GET {ARCHIVE}"] = cut

    with pytest.raises(DockerError, match="broke off"):
        async for _ in Archives(client).get("c1", "/data"):
            pass


async def test_a_download_asks_for_no_compression(fake: FakeEngine, client: Engine) -> None:
    asked = []

    async def answer(request: web.Request) -> web.Response:
        asked.append(request.headers["Accept-Encoding"])
        return web.Response(body=b"", headers={"X-Docker-Container-Path-Stat": header()})

    fake.handlers[f"GET {ARCHIVE}"] = answer
    await Archives(client).is_symlink("c1", "/data")

    assert asked == ["identity"]


class Upload:
    """Records the uploads that arrive at the engine."""

    def __init__(self, engine: FakeEngine, status: int = 200) -> None:
        self.content = b""
        self._status = status
        engine.handlers[f"PUT {ARCHIVE}"] = self._take

    async def _take(self, request: web.Request) -> web.Response:
        if self._status != 200:
            return web.json_response({"message": "no space left on device"}, status=self._status)
        self.type = request.headers["Content-Type"]
        self.path = request.query["path"]
        self.content = await request.read()
        return web.Response()


async def chunks(*content: bytes, then: BaseException | None = None) -> AsyncIterator[bytes]:
    for chunk in content:
        yield chunk
    if then is not None:
        raise then


async def test_an_upload_arrives_whole(fake: FakeEngine, client: Engine) -> None:
    upload = Upload(fake)

    await Archives(client).put("c1", "/data", chunks(b"one", b"two"))

    assert (upload.content, upload.type, upload.path) == (b"onetwo", "application/x-tar", "/data")


@pytest.mark.parametrize(
    "failure",
    [OSError(5, "Input/output error"), StorageError("the archive is cut"), ValueError("no archive")],
)
async def test_an_error_of_the_source_is_raised_unchanged(
    fake: FakeEngine, client: Engine, failure: Exception
) -> None:
    Upload(fake)

    with pytest.raises(type(failure)) as failed:
        await Archives(client).put("c1", "/data", chunks(b"one", then=failure))

    assert failed.value is failure


async def test_a_refused_upload_raises_the_reason(fake: FakeEngine, client: Engine) -> None:
    Upload(fake, status=500)

    with pytest.raises(DockerError, match="no space left on device"):
        await Archives(client).put("c1", "/data", chunks(b"one"))


async def test_an_upload_refused_in_the_middle_raises_the_reason(fake: FakeEngine, client: Engine) -> None:
    """The engine may answer and close the connection before it has read everything."""
    Upload(fake, status=500)

    with pytest.raises(DockerError):
        await Archives(client).put("c1", "/data", chunks(*[b"x" * 65536] * 500))


async def test_an_upload_fails_when_the_engine_stops_reading(fake: FakeEngine, client: Engine) -> None:
    async def stuck(_: web.Request) -> web.Response:
        await asyncio.Event().wait()
        return web.Response()

    fake.handlers[f"PUT {ARCHIVE}"] = stuck

    with pytest.raises(DockerError, match=r"within 0\.3 seconds"):
        await Archives(client, idle_seconds=0.3).put("c1", "/data", chunks(*[b"x" * 65536] * 500))


async def test_a_slow_upload_is_not_ended(fake: FakeEngine, client: Engine) -> None:
    """Each chunk comes in time. All of them together take longer than `idle_seconds`."""
    upload = Upload(fake)

    async def slowly() -> AsyncIterator[bytes]:
        for _ in range(5):
            await asyncio.sleep(0.1)
            yield b"x"

    await Archives(client, idle_seconds=0.3).put("c1", "/data", slowly())

    assert upload.content == b"xxxxx"


async def test_the_source_can_be_closed_right_after_a_refusal(fake: FakeEngine, client: Engine) -> None:
    """The engine refuses while the client waits for a chunk of the source."""
    Upload(fake, status=500)

    async def endless() -> AsyncGenerator[bytes, None]:
        yield b"x"
        await asyncio.Event().wait()

    source = endless()
    with pytest.raises(DockerError):
        await Archives(client).put("c1", "/data", source)

    await source.aclose()


async def test_a_missing_container_raises_not_found(client: Engine) -> None:
    archives = Archives(client)
    for asking in (archives.is_symlink("gone", "/"), archives.put("gone", "/", chunks(b""))):
        with pytest.raises(DockerNotFound):
            await asking
