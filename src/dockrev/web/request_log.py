"""Logs one line for each request, and gives all log lines of a request the same id."""

import itertools
import re
import time
from secrets import token_hex
from typing import Final

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bind_contextvars

from dockrev.web.headers import header

_PROCESS: Final = token_hex(4)
_COUNT: Final = itertools.count(1)
_VALID_ID: Final = re.compile(r"[A-Za-z0-9._:-]{1,64}")


class RequestLog:
    """Uses the proxy's X-Request-Id when it is safe in a log, or makes an id. Every answer has the id."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        # Bound once, since an unbound logger configures itself again for each line, even a filtered one.
        self._log = structlog.get_logger().bind()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        own_id = request_id(scope)
        status = 0

        async def send_identified(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (b"x-request-id", own_id.encode())]
            await send(message)

        started = time.perf_counter()
        # No unbinding needed: each request is its own task, and the binding ends with the task.
        bind_contextvars(request_id=own_id)
        try:
            await self._app(scope, receive, send_identified)
        finally:  # also when a stream breaks, or the client goes away
            self._log.debug(
                "Answered a request",
                action="http.request",
                method=scope["method"],
                path=logged_path(scope),
                status=status,
                milliseconds=round((time.perf_counter() - started) * 1000, 1),
            )


def logged_path(scope: Scope) -> str:
    """The path without its query, which may contain secrets, and undecoded, so that it has no line breaks."""
    path: bytes = scope["raw_path"]
    return path.decode("latin-1")


def request_id(scope: Scope) -> str:
    sent = header(scope["headers"], b"x-request-id")
    return sent if sent and _VALID_ID.fullmatch(sent) else f"{_PROCESS}{next(_COUNT):08x}"
