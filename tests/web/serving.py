"""Runs a real uvicorn on a free loopback port during a test."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiohttp import ClientSession
from starlette.types import ASGIApp

from dockrev.config.shared import HttpAddress
from dockrev.web.server import WebServer
from dockrev.web.shutdown import Shutdown


@dataclass(frozen=True, slots=True)
class Served:
    client: ClientSession
    port: int
    server: WebServer


@asynccontextmanager
async def serving(app: ASGIApp, shutdown: Shutdown | None = None) -> AsyncIterator[Served]:
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    server = WebServer(app, HttpAddress("127.0.0.1", port), shutdown or Shutdown())
    async with asyncio.TaskGroup() as group:
        # Connections wait in the listener's queue until the server accepts them, so no test has to poll.
        group.create_task(server.serve(sockets=[listener]))
        try:
            async with ClientSession(f"http://127.0.0.1:{port}") as client:
                yield Served(client, port, server)
        finally:
            server.should_exit = True
