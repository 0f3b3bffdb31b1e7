"""Adds headers that restrict what a browser may do with our answers."""

from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dockrev.web.headers import RawHeaders

SECURITY_HEADERS: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
)

DEFAULT_HEADERS: Final = (
    (
        b"content-security-policy",
        b"default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    (b"cache-control", b"no-store"),
)
"""A response that sets one of these headers itself keeps its own value."""


def secured(headers: RawHeaders) -> list[tuple[bytes, bytes]]:
    names = {name for name, _ in headers}
    defaults = [pair for pair in DEFAULT_HEADERS if pair[0] not in names]
    return [*headers, *SECURITY_HEADERS, *defaults]


class SecurityHeaders:
    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_secured(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = secured(message["headers"])
            await send(message)

        await self._app(scope, receive, send_secured)
