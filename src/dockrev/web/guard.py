"""The guard: a request that its route does not let in, or that another site's page made, ends here."""

from collections.abc import Iterable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dockrev.config.shared import AuthConfig
from dockrev.errors import AuthRequired
from dockrev.web.access import Access, RouteAccess, SharedSecret, Signature
from dockrev.web.body import BoundedRequest
from dockrev.web.headers import header
from dockrev.web.identity import Principal, authorize
from dockrev.web.invalid_input import invalid
from dockrev.web.origin import refuse_cross_site
from dockrev.web.peers import peer_of
from dockrev.web.router import ApiRoute


class Guard:
    """Puts the principal in `request.state.principal`: None for a stranger on a public route.

    The guard runs before routing and parsing, and a path without a route needs an identity too. So a stranger
    learns neither which routes exist nor what they take.
    """

    def __init__(self, app: ASGIApp, auth: AuthConfig, routes: Iterable[ApiRoute]) -> None:
        self._app = app
        self._auth = auth
        self._without_identity = [route for route in routes if route.access is not Access.IDENTITY]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        access = self._access(scope)
        if isinstance(access, Signature):
            body = await BoundedRequest(scope, receive).body()
            principal: Principal | None = await access.verify(scope["headers"], body)
            receive = _body_again(body, receive)
        elif isinstance(access, SharedSecret):
            principal = await access.verify(header(scope["headers"], access.header.lower().encode()))
        else:
            principal = self._principal(scope, access)
        scope.setdefault("state", {})["principal"] = principal
        refuse_cross_site(scope, self._auth.trusted_proxies)
        _refuse_nul(scope)
        await self._app(scope, receive, send)

    def _access(self, scope: Scope) -> RouteAccess:
        for route in self._without_identity:
            if scope["method"] in route.methods and route.path_regex.match(scope["path"]):
                return route.access
        return Access.IDENTITY

    def _principal(self, scope: Scope, access: Access) -> Principal | None:
        try:
            return authorize(scope["headers"], peer_of(scope), self._auth)
        except AuthRequired:
            if access is Access.PUBLIC:
                return None
            raise


def _body_again(body: bytes, receive: Receive) -> Receive:
    """The guard has read the body to verify it; the route reads the same body."""
    unread = True

    async def receive_again() -> Message:
        nonlocal unread
        if not unread:
            return await receive()
        unread = False
        return {"type": "http.request", "body": body, "more_body": False}

    return receive_again


def _refuse_nul(scope: Scope) -> None:
    """No name holds NUL, and PostgreSQL stores it in no text."""
    if "\x00" in scope["path"]:
        raise invalid("path", "holds a NUL character")
    if b"%00" in scope["query_string"]:
        raise invalid("query", "holds a NUL character")
