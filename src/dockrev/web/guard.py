"""Refuses requests that the access of their route does not allow, or that another site's page sent."""

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
    """Sets `request.state.principal`. It is None for a caller without an identity on a public route.

    The guard runs before routing and parsing, and a path without a route needs an identity too. So a caller
    without one learns neither which routes exist nor which parameters they have.
    """

    def __init__(self, app: ASGIApp, auth: AuthConfig) -> None:
        self._app = app
        self._auth = auth

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        access = _access(scope)
        if isinstance(access, Signature):
            body = await BoundedRequest(scope, receive).body()
            principal: Principal | None = await access.verify(scope["headers"], body)
            receive = _replay(body, receive)
        elif isinstance(access, SharedSecret):
            principal = await access.verify(header(scope["headers"], access.header.lower().encode()))
        else:
            principal = self._principal(scope, access)
        scope.setdefault("state", {})["principal"] = principal
        refuse_cross_site(scope, self._auth.trusted_proxies)
        _refuse_nul(scope)
        await self._app(scope, receive, send)

    def _principal(self, scope: Scope, access: Access) -> Principal | None:
        try:
            return authorize(scope["headers"], peer_of(scope), self._auth)
        except AuthRequired:
            if access is Access.PUBLIC:
                return None
            raise


def _access(scope: Scope) -> RouteAccess:
    """The access of the first route that matches, which is the one that the router takes."""
    for route in scope["app"].router.routes:
        if scope["method"] in route.methods and route.path_regex.match(scope["path"]):
            return route.access if isinstance(route, ApiRoute) else Access.IDENTITY
    return Access.IDENTITY


def _replay(body: bytes, receive: Receive) -> Receive:
    """Gives the route the body that the guard has read to verify its signature."""
    unread = True

    async def receive_replayed() -> Message:
        nonlocal unread
        if not unread:
            return await receive()
        unread = False
        return {"type": "http.request", "body": body, "more_body": False}

    return receive_replayed


def _refuse_nul(scope: Scope) -> None:
    """No name contains NUL, and PostgreSQL cannot store it in a text."""
    if "\x00" in scope["path"]:
        raise invalid("path", "holds a NUL character")
    if b"%00" in scope["query_string"]:
        raise invalid("query", "holds a NUL character")
