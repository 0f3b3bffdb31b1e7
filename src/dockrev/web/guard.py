"""The door: nothing behind it runs for a request that has no identity or comes from a foreign page."""

from starlette.types import ASGIApp, Receive, Scope, Send

from dockrev.config import AuthConfig
from dockrev.errors import AuthRequired
from dockrev.web.errors import invalid
from dockrev.web.identity import Principal, authorize
from dockrev.web.origin import refuse_cross_site
from dockrev.web.peers import peer_of

PUBLIC_PATHS = frozenset({"/api/health", "/api/version", "/api/ready"})


class Guard:
    """Leaves the principal in `request.state.principal`: None for strangers on the public paths.

    It stands before routing and parsing, so a stranger learns neither which routes exist nor what they take.
    """

    def __init__(self, app: ASGIApp, auth: AuthConfig) -> None:
        self._app = app
        self._auth = auth

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope.setdefault("state", {})["principal"] = self._principal(scope)
            refuse_cross_site(scope, self._auth.trusted_proxies)
            _refuse_nul(scope)
        await self._app(scope, receive, send)

    def _principal(self, scope: Scope) -> Principal | None:
        try:
            return authorize(scope["headers"], peer_of(scope), self._auth)
        except AuthRequired:
            if scope["path"] in PUBLIC_PATHS:
                return None
            raise


def _refuse_nul(scope: Scope) -> None:
    """No name holds NUL, and PostgreSQL takes it in no text."""
    if "\x00" in scope["path"]:
        raise invalid("path", "holds a NUL character")
    if b"%00" in scope["query_string"]:
        raise invalid("query", "holds a NUL character")
