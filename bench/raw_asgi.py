"""
An ASGI application that answers every request with the same bytes. It shows how fast uvicorn can be at most.

`python -m bench.raw_asgi FILE --content-type application/json` serves the file's content on a free port.
"""

import argparse
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import uvicorn

from bench.child import add_child_flags, serve_as_child

Scope = MutableMapping[str, Any]  # the shapes of the ASGI specification
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class SameBytes:
    def __init__(self, body: bytes, content_type: str) -> None:
        headers = [
            (b"content-type", content_type.encode()),
            (b"content-length", str(len(body)).encode()),
        ]
        self._start = {"type": "http.response.start", "status": 200, "headers": headers}
        self._body = {"type": "http.response.body", "body": body}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 -- ASGI
        await send(self._start)
        await send(self._body)


@asynccontextmanager
async def serving(body: bytes, content_type: str) -> AsyncIterator[str]:
    """Listens on loopback while the block runs. Gives `127.0.0.1:port`."""
    config = uvicorn.Config(
        SameBytes(body, content_type),
        host="127.0.0.1",
        port=0,
        lifespan="off",
        access_log=False,
        log_config=None,
    )
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    await server.startup()
    try:
        yield f"127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        await server.shutdown()


def main() -> None:
    parser = argparse.ArgumentParser(description="Serve one file's bytes by raw ASGI.")
    parser.add_argument("file", type=Path)
    parser.add_argument("--content-type", default="application/json")
    add_child_flags(parser)
    parsed = parser.parse_args()
    body = parsed.file.read_bytes()
    serve_as_child(lambda: serving(body, parsed.content_type), parsed)


if __name__ == "__main__":
    main()
