"""The fast lane: an answer that lies ready goes out before routing, which costs more than sending.

It only ever says what the route behind it would say. Whatever it cannot answer at once (a stranger, an
unusual query, a version that is not rendered yet) takes the whole way.
"""

from collections.abc import Callable, Mapping

from starlette.types import ASGIApp, Receive, Scope, Send

from dockrev.config import AuthConfig
from dockrev.errors import AuthRequired
from dockrev.web.identity import authorize
from dockrev.web.peers import peer_of
from dockrev.web.rendered import Prepared
from dockrev.web.request_log import request_id
from dockrev.web.security import secured

Lane = Callable[[Scope], Prepared | None]
"""What lies ready for a GET of this path, with this query and these headers."""


class FastLane:
    def __init__(self, app: ASGIApp, auth: AuthConfig, lanes: Mapping[str, Lane]) -> None:
        self._app = app
        self._auth = auth
        self._lanes = lanes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        ready = self._ready(scope) if scope["type"] == "http" and scope["method"] == "GET" else None
        if ready is None:
            await self._app(scope, receive, send)
            return
        headers = [*secured(ready.headers), (b"x-request-id", request_id(scope).encode())]
        await send({"type": "http.response.start", "status": ready.status, "headers": headers})
        await send({"type": "http.response.body", "body": ready.body})

    def _ready(self, scope: Scope) -> Prepared | None:
        lane = self._lanes.get(scope["path"])
        return lane(scope) if lane is not None and self._lets_in(scope) else None

    def _lets_in(self, scope: Scope) -> bool:
        try:
            authorize(scope["headers"], peer_of(scope), self._auth)
        except AuthRequired:
            return False
        return True
