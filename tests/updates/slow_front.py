"""A proxy in front of a registry. A test can slow down its blobs and make its answers fail."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Self

import aiohttp
from aiohttp import web

_PIECE = 64 * 1024


@dataclass(frozen=True, slots=True)
class Asked:
    by_engine: bool
    method: str
    path: str


class SlowFront:
    """Forwards manifests at once, and pauses for `pause_seconds` before each piece of a blob.

    `asked` lists all requests in order. A request for a name in `failures` gets HTTP 500 as many times as
    `failures` says. A request for a name in `unanswered` never gets an answer.
    """

    def __init__(self, registry: str, session: aiohttp.ClientSession) -> None:
        self._registry = registry
        self._session = session
        self.host = ""
        self.pause_seconds = 0.0
        self.under_way = asyncio.Event()
        """Set when a slow blob is partly sent."""
        self.asked: list[Asked] = []
        self.failures: dict[str, int] = {}
        self.unanswered: set[str] = set()
        self.waited_for = asyncio.Event()
        """Set when a request for a name in `unanswered` has arrived."""

    @classmethod
    @asynccontextmanager
    async def before(cls, registry: str) -> AsyncIterator[Self]:
        async with aiohttp.ClientSession() as session:
            front = cls(registry, session)
            app = web.Application()
            app.router.add_route("*", "/{path:.*}", front._answer)
            runner = web.AppRunner(app, shutdown_timeout=0.1)
            await runner.setup()
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            front.host = f"127.0.0.1:{runner.addresses[0][1]}"
            try:
                yield front
            finally:
                await runner.cleanup()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        by_engine = request.headers.get("User-Agent", "").startswith("docker/")
        self.asked.append(Asked(by_engine, request.method, request.path))
        name = request.path.rpartition("/")[2]
        if name in self.unanswered:
            self.waited_for.set()
            await asyncio.Event().wait()
        if self.failures.get(name, 0) > 0:
            self.failures[name] -= 1
            return web.Response(status=500)
        url = f"http://{self._registry}{request.path_qs}"
        headers = {"Accept": ", ".join(request.headers.getall("Accept", ["*/*"]))}
        async with self._session.request(request.method, url, headers=headers) as upstream:
            forwarded = ("Content-Type", "Content-Length", "Docker-Content-Digest", "ETag")
            own = {name: value for name, value in upstream.headers.items() if name in forwarded}
            answer = web.StreamResponse(status=upstream.status, headers=own)
            await answer.prepare(request)
            async for piece in upstream.content.iter_chunked(_PIECE):
                if self.pause_seconds and "/blobs/" in request.path:
                    self.under_way.set()
                    await asyncio.sleep(self.pause_seconds)
                await answer.write(piece)
            await answer.write_eof()
            return answer
