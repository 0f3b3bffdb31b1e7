"""uvicorn, told to say goodbye to endless responses before it waits for them."""

import socket
from typing import Final

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from dockrev.config import HttpAddress
from dockrev.web.errors import envelope
from dockrev.web.security import DEFAULT_HEADERS, SECURITY_HEADERS
from dockrev.web.shutdown import Shutdown


class WebServer(uvicorn.Server):
    """Serves until SIGTERM or SIGINT, then lets running requests finish for `grace_seconds`."""

    def __init__(
        self, app: ASGIApp, address: HttpAddress, shutdown: Shutdown, *, grace_seconds: int = 10
    ) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                host=address.host,
                port=address.port,
                http=_EnvelopeProtocol,
                # The guard must see the real peer: it judges itself whose forwarded headers count.
                proxy_headers=False,
                server_header=False,
                access_log=False,
                log_config=None,
                timeout_graceful_shutdown=grace_seconds,
            )
        )
        self._shutdown = shutdown

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._shutdown.begin()
        await super().shutdown(sockets)


def _not_http() -> bytes:
    answer = envelope(400, "invalid_argument", "the request is not valid HTTP")
    headers = [*answer.raw_headers, *SECURITY_HEADERS, *DEFAULT_HEADERS, (b"connection", b"close")]
    lines = [b"HTTP/1.1 400 Bad Request", *(name + b": " + value for name, value in headers)]
    return b"\r\n".join(lines) + b"\r\n\r\n" + bytes(answer.body)


_NOT_HTTP: Final = _not_http()


class _EnvelopeProtocol(HttpToolsProtocol):
    def send_400_response(self, msg: str) -> None:
        """What cannot be parsed as HTTP reaches no application, and gets the envelope all the same."""
        self.transport.write(_NOT_HTTP)
        self.transport.close()
