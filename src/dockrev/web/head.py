"""Answers HEAD on every path that has GET (RFC 9110 9.1)."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class HeadAsGet:
    """The route sees a GET whose client disconnects at once, so that streams end. uvicorn drops the body."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "HEAD":
            await self._app({**scope, "method": "GET"}, _disconnect, send)
        else:
            await self._app(scope, receive, send)


async def _disconnect() -> Message:
    return {"type": "http.disconnect"}
