"""Runs uvicorn, and ends event streams before uvicorn waits for open responses at a stop."""

import asyncio
import signal
import socket
from collections.abc import Callable
from types import FrameType

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from dockrev.config.shared import HttpAddress
from dockrev.web.errors import envelope
from dockrev.web.security import secured
from dockrev.web.shutdown import Shutdown

_STOPPING = (signal.SIGINT, signal.SIGTERM)


def cancelled_by_signals() -> Callable[[], None]:
    """SIGTERM and SIGINT cancel the current task until the returned function is called, before serving."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None
    for number in _STOPPING:
        loop.add_signal_handler(number, task.cancel)

    def remove_handlers() -> None:
        for number in _STOPPING:
            loop.remove_signal_handler(number)

    return remove_handlers


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
                ws="none",
                # The guard must see the real peer, since the guard decides whose forwarded headers count.
                proxy_headers=False,
                server_header=False,
                access_log=False,
                log_config=None,
                timeout_graceful_shutdown=grace_seconds,
            )
        )
        self._shutdown = shutdown

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 -- uvicorn's signature
        """uvicorn's own handler raises the signal again after serving, which would interrupt our clean-up."""
        self.force_exit = self.should_exit and sig == signal.SIGINT
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._shutdown.begin()
        await super().shutdown(sockets)


class _EnvelopeProtocol(HttpToolsProtocol):
    def send_400_response(self, msg: str) -> None:
        """A request that is not valid HTTP never reaches the application. Its answer has the envelope too."""
        answer = envelope(400, "invalid_argument", msg)
        headers = [*secured(answer.raw_headers), (b"connection", b"close")]
        lines = [b"HTTP/1.1 400 Bad Request", *(name + b": " + value for name, value in headers)]
        self.transport.write(b"\r\n".join(lines) + b"\r\n\r\n" + bytes(answer.body))
        self.transport.close()
