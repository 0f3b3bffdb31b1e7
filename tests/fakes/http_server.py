"""Small HTTP servers on loopback: one with a handler, and one that sends any bytes."""

import asyncio
import ssl
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Self

from aiohttp import web

Answer = web.Response | Callable[[web.Request], Awaitable[web.StreamResponse]]


class HttpServer:
    """Answers each request with `answer`, which a test may replace. Counts the requests."""

    def __init__(self, answer: Answer | None = None, *, tls: ssl.SSLContext | None = None) -> None:
        self.answer: Answer = answer or web.Response()
        self.requests: list[str] = []
        self.peak = 0
        """The highest number of concurrent requests."""
        self.down = False
        """While this is set, every connection is closed without an answer."""
        self.latency_seconds = 0.0
        self.port = 0
        self._tls = tls
        self._in_flight = 0
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Starts to listen. After `stop`, it uses the same port as before."""
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, shutdown_timeout=0.2, access_log=None, handler_cancellation=True)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port, ssl_context=self._tls, reuse_address=True)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        if self._runner:
            await self._runner.cleanup()
            self._runner = None

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://{self.host}"

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(f"{request.method} {request.path_qs}")
        self._in_flight += 1
        self.peak = max(self.peak, self._in_flight)
        try:
            await asyncio.sleep(self.latency_seconds)
            if self.down:
                assert request.transport is not None
                request.transport.abort()
            if callable(self.answer):
                return await self.answer(request)
            return web.Response(status=self.answer.status, headers=self.answer.headers, body=self.answer.body)
        finally:
            self._in_flight -= 1


@asynccontextmanager
async def server_that_says(answer: bytes) -> AsyncIterator[str]:
    """The URL of a server that answers each request with these bytes and closes the connection."""

    async def say(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(say, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"


def self_signed_certificate(path: Path) -> Path:
    """Writes a certificate for 127.0.0.1 and its key into the file `path`."""
    subject = ("-subj", "/CN=fake server", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2")
    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", str(path))
    command = ("openssl", "req", "-x509", *key, *subject, "-out", str(path.with_suffix(".crt")))
    subprocess.run(command, check=True, capture_output=True)
    path.write_bytes(path.read_bytes() + path.with_suffix(".crt").read_bytes())
    return path


def served_with(certificate: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    return context
