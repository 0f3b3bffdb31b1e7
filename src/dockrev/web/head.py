"""HEAD is answered wherever GET is (RFC 9110 9.1)."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class HeadAsGet:
    """Routes see a GET whose client leaves at once, so that streams end; the server sends no body to HEAD."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "HEAD":
            await self._app({**scope, "method": "GET"}, _gone, send)
        else:
            await self._app(scope, receive, send)


async def _gone() -> Message:
    return {"type": "http.disconnect"}
