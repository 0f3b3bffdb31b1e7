import asyncio
import logging
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field

import pytest
from aiohttp import ClientPayloadError, ClientResponse
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp

from dockrev.config.shared import AuthConfig
from dockrev.web.access import Access
from dockrev.web.application import create_web_app
from dockrev.web.router import ApiRouter
from dockrev.web.server_event import ServerEvent
from dockrev.web.shutdown import Shutdown
from dockrev.web.sse import EventStream, ResumeAfter
from tests.web.asgi import ask
from tests.web.serving import serving

Events = AsyncGenerator[ServerEvent, None]


@dataclass(slots=True)
class Feed:
    """Yields `events`, then waits if `waits` is set. Sets `released` when it is closed."""

    events: list[ServerEvent] = field(default_factory=list)
    waits: bool = True
    released: asyncio.Event = field(default_factory=asyncio.Event)

    async def watch(self) -> Events:
        try:
            for event in self.events:
                yield event
            if self.waits:
                await asyncio.Event().wait()
        finally:
            self.released.set()


def streaming(
    watch: Callable[[], Events],
    shutdown: Shutdown,
    *,
    keep_alive_seconds: float = 15,
    life_seconds: float = 600,
) -> ASGIApp:
    router = ApiRouter(access=Access.IDENTITY)

    @router.get("/api/events", response_class=EventStream)
    async def events() -> EventStream:
        return EventStream(
            watch(), shutdown, keep_alive_seconds=keep_alive_seconds, life_seconds=life_seconds
        )

    @router.get("/api/resume")
    async def resume(after: ResumeAfter) -> PlainTextResponse:
        return PlainTextResponse(str(after))

    return create_web_app([router], AuthConfig(), "1.2.3")


async def read_block(response: ClientResponse) -> bytes:
    async with asyncio.timeout(5):
        return await response.content.readuntil(b"\n\n")


@pytest.mark.parametrize(
    ("event", "text"),
    [
        (ServerEvent("job_event", '{"a":1}', 7), 'id: 7\nevent: job_event\ndata: {"a":1}\n\n'),
        (ServerEvent("failed", "{}"), "event: failed\ndata: {}\n\n"),
        (ServerEvent("e", "a\nb\r\nc\rd", 0), "id: 0\nevent: e\ndata: a\ndata: b\ndata: c\ndata: d\n\n"),
        (ServerEvent("e\nid: 9", "ü"), "event: e id: 9\ndata: ü\n\n"),
        (ServerEvent("e", ""), "event: e\ndata: \n\n"),
        (ServerEvent("e", "a\u2028b"), "event: e\ndata: a\u2028b\n\n"),
    ],
)
def test_an_event_is_written_as_lines_of_the_stream(event: ServerEvent, text: str) -> None:
    assert event.encode() == text.encode()


async def test_a_stream_sends_a_comment_and_its_events_and_then_ends() -> None:
    feed = Feed([ServerEvent("a", "1", 1), ServerEvent("b", "2", 2)], waits=False)
    answer = await ask_until_end(streaming(feed.watch, Shutdown()))
    assert answer == b": keep-alive\n\nid: 1\nevent: a\ndata: 1\n\nid: 2\nevent: b\ndata: 2\n\n"


async def ask_until_end(app: ASGIApp) -> bytes:
    async with serving(app) as served, served.client.get("/api/events") as response, asyncio.timeout(5):
        return await response.read()


async def test_the_headers_are_those_of_an_event_stream() -> None:
    async with (
        serving(streaming(Feed().watch, Shutdown())) as served,
        served.client.get("/api/events") as response,
    ):
        assert response.status == 200
        assert response.headers["content-type"] == "text/event-stream"
        assert response.headers["cache-control"] == "no-cache"
        assert response.headers["x-accel-buffering"] == "no"
        assert "content-length" not in response.headers
        assert await read_block(response) == b": keep-alive\n\n"
        response.close()


async def test_an_idle_stream_sends_comments() -> None:
    app = streaming(Feed([ServerEvent("a", "1")]).watch, Shutdown(), keep_alive_seconds=0.02)
    async with serving(app) as served, served.client.get("/api/events") as response:
        blocks = [await read_block(response) for _ in range(4)]
        response.close()
    assert blocks == [b": keep-alive\n\n", b"event: a\ndata: 1\n\n", b": keep-alive\n\n", b": keep-alive\n\n"]


async def test_the_feed_is_released_when_the_client_disconnects() -> None:
    feed = Feed()
    async with serving(streaming(feed.watch, Shutdown())) as served:
        async with served.client.get("/api/events") as response:
            await read_block(response)
            assert not feed.released.is_set()
            response.close()
        await asyncio.wait_for(feed.released.wait(), 5)


async def test_a_stopping_server_ends_its_streams_and_stops_at_once() -> None:
    feed, shutdown = Feed(), Shutdown()
    loop = asyncio.get_running_loop()
    async with (
        serving(streaming(feed.watch, shutdown), shutdown) as served,
        served.client.get("/api/events") as response,
    ):
        await read_block(response)
        started = loop.time()
        served.server.should_exit = True
        async with asyncio.timeout(5):
            assert await response.read() == b""
    assert feed.released.is_set()
    assert loop.time() - started < 3


async def test_a_stream_that_opens_during_the_shutdown_ends_too() -> None:
    shutdown = Shutdown()
    shutdown.begin()
    assert await ask_until_end(streaming(Feed().watch, shutdown)) == b": keep-alive\n\n"


async def test_a_connection_ends_after_its_life_time() -> None:
    feed = Feed([ServerEvent("a", "1", 1)])
    answer = await ask_until_end(streaming(feed.watch, Shutdown(), life_seconds=0.05))
    assert answer == b": keep-alive\n\nid: 1\nevent: a\ndata: 1\n\n"
    assert feed.released.is_set()


async def test_an_error_of_the_feed_breaks_the_stream_off(caplog: pytest.LogCaptureFixture) -> None:
    async def broken() -> Events:
        yield ServerEvent("a", "1", 1)
        raise OSError("the disk is gone")

    async with (
        serving(streaming(broken, Shutdown())) as served,
        served.client.get("/api/events") as response,
    ):
        with pytest.raises(ClientPayloadError):
            await response.read()
    assert [record.levelname for record in caplog.records if record.levelno >= logging.WARNING] == ["ERROR"]


async def test_a_slow_client_does_not_keep_its_feed_open_at_a_shutdown() -> None:
    feed, shutdown = Feed([ServerEvent("a", "x" * 100_000)] * 1000), Shutdown()
    async with (
        serving(streaming(feed.watch, shutdown), shutdown) as served,
        served.client.get("/api/events") as response,
    ):
        assert response.status == 200
        served.server.should_exit = True
        await asyncio.wait_for(feed.released.wait(), 5)
        response.close()


async def test_head_answers_without_streaming() -> None:
    feed = Feed()
    async with asyncio.timeout(5):
        answer = await ask(streaming(feed.watch, Shutdown()), "HEAD", "/api/events")
    assert (answer.status, answer.headers["content-type"]) == (200, "text/event-stream")


@pytest.mark.parametrize(
    ("last_event_id", "query", "start"),
    [
        (None, "", 0),
        (None, "?afterId=12", 12),
        ("30", "", 30),
        ("30", "?afterId=12", 30),
        ("3", "?afterId=12", 12),
        ("abc", "?afterId=12", 12),
        ("7", "?afterId=", 7),
        (None, "?afterId=%20", 0),
        ("-5", "?afterId=-7", 0),
        ("1_000", "", 0),
        ("9" * 30, "?afterId=1", 1),
        ("9" * 19, "", 2**63 - 1),
        (None, "?afterId=" + "9" * 30, 2**63 - 1),
    ],
)
async def test_a_stream_resumes_after_the_larger_id(
    last_event_id: str | None, query: str, start: int
) -> None:
    headers = {"last-event-id": last_event_id} if last_event_id else {}
    app = streaming(Feed().watch, Shutdown())
    assert (await ask(app, "GET", f"/api/resume{query}", headers=headers)).body == str(start).encode()


@pytest.mark.parametrize("value", ["abc", "1.5", "9" * 5000])
async def test_an_unreadable_query_id_is_refused_before_the_stream_opens(value: str) -> None:
    answer = await ask(streaming(Feed().watch, Shutdown()), "GET", f"/api/resume?afterId={value}")
    assert answer.status == 400
    assert answer.json()["error"]["details"]["errors"][0]["field"] == "afterId"
