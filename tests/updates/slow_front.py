"""A door before a registry through which layers come as slowly as a test wants."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Self

import aiohttp
from aiohttp import web

_PIECE = 64 * 1024


class SlowFront:
    """Manifests pass at once; every piece of a blob waits for `pause_seconds` first."""

    def __init__(self, registry: str, session: aiohttp.ClientSession) -> None:
        self._registry = registry
        self._session = session
        self.host = ""
        self.pause_seconds = 0.0
        self.under_way = asyncio.Event()
        """A slow blob is half told."""

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
        url = f"http://{self._registry}{request.path_qs}"
        headers = {"Accept": ", ".join(request.headers.getall("Accept", ["*/*"]))}
        async with self._session.request(request.method, url, headers=headers) as found:
            kept = ("Content-Type", "Content-Length", "Docker-Content-Digest", "ETag")
            own = {name: value for name, value in found.headers.items() if name in kept}
            answer = web.StreamResponse(status=found.status, headers=own)
            await answer.prepare(request)
            async for piece in found.content.iter_chunked(_PIECE):
                if self.pause_seconds and "/blobs/" in request.path:
                    self.under_way.set()
                    await asyncio.sleep(self.pause_seconds)
                await answer.write(piece)
            await answer.write_eof()
            return answer
