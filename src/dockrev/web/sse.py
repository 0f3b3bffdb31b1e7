"""
Streams server-sent events from a generator.

A stream has no state. Each event has the id of its row in the database, so a client that lost the connection
resumes after the last id it received, and a stream may end at any time.
"""

import asyncio
import re
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated, Final

from fastapi import Depends, Header, Query
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from dockrev.web.query import blank_means
from dockrev.web.server_event import ServerEvent
from dockrev.web.shutdown import Shutdown

KEEP_ALIVE: Final = b": keep-alive\n\n"
KEEP_ALIVE_SECONDS: Final = 15.0
LIFE_SECONDS: Final = 600.0
_MAX_ID: Final = 2**63 - 1


class EventStream(Response):
    """Streams until the events end, the client disconnects, the server stops or `life_seconds` are over.

    When the stream ends before its events, the generator is cancelled or closed at any point. The generator
    must not raise an exception: a feature that cannot continue yields an event that says so, and returns.
    """

    media_type = "text/event-stream"

    def __init__(
        self,
        events: AsyncGenerator[ServerEvent, None],
        shutdown: Shutdown,
        status_code: int = 200,
        *,
        keep_alive_seconds: float = KEEP_ALIVE_SECONDS,
        life_seconds: float = LIFE_SECONDS,
    ) -> None:
        self.status_code = status_code
        self.background = None
        self.raw_headers = [
            (b"content-type", b"text/event-stream"),
            (b"cache-control", b"no-cache"),
            (b"x-accel-buffering", b"no"),
        ]
        self._events = events
        self._shutdown = shutdown
        self._keep_alive_seconds = keep_alive_seconds
        self._life_seconds = life_seconds
        self._sent_at = 0.0

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await self._write(send, KEEP_ALIVE)
        async with asyncio.TaskGroup() as group:
            ends = [
                group.create_task(self._write_events(send)),
                group.create_task(_disconnected(receive)),
                group.create_task(self._shutdown.wait()),
            ]
            idle = group.create_task(self._keep_alive(send))
            await asyncio.wait(ends, timeout=self._life_seconds, return_when=asyncio.FIRST_COMPLETED)
            for task in (*ends, idle):
                task.cancel()
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _write_events(self, send: Send) -> None:
        async with aclosing(self._events) as events:
            async for event in events:
                await self._write(send, event.encode())

    async def _keep_alive(self, send: Send) -> None:
        """Sends a comment now and then, since proxies close connections without traffic."""
        clock = asyncio.get_running_loop().time
        while True:
            rest = self._sent_at + self._keep_alive_seconds - clock()
            if rest <= 0:
                await self._write(send, KEEP_ALIVE)
            else:
                await asyncio.sleep(rest)

    async def _write(self, send: Send, chunk: bytes) -> None:
        await send({"type": "http.response.body", "body": chunk, "more_body": True})
        self._sent_at = asyncio.get_running_loop().time()


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def resume_after(
    last_event_id: Annotated[
        str | None,
        Header(description="Browsers send this when they reconnect. A value that is not an id counts as 0."),
    ] = None,
    after_id: Annotated[
        int, Query(alias="afterId", description="Negative and blank values count as 0."), blank_means(0, int)
    ] = 0,
) -> int:
    seen = int(last_event_id) if last_event_id and re.fullmatch(r"[0-9]{1,19}", last_event_id) else 0
    return min(max(seen, after_id, 0), _MAX_ID)


ResumeAfter = Annotated[int, Depends(resume_after)]
"""The stream starts after this id: the larger of Last-Event-ID and `afterId`, or 0 without both."""
