"""The web application, assembled from routers that know nothing of it."""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager

from fastapi import FastAPI
from starlette.middleware import Middleware
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.types import Receive, Scope, Send

from dockrev.config import AuthConfig
from dockrev.web.body import ApiRouter
from dockrev.web.errors import HANDLERS, install_error_handlers, unexpected
from dockrev.web.guard import Guard
from dockrev.web.head import HeadAsGet
from dockrev.web.lane import FastLane
from dockrev.web.openapi import DocumentedApi
from dockrev.web.request_log import RequestLog
from dockrev.web.security import SecurityHeaders

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


def create_web_app(
    routers: Sequence[ApiRouter], auth: AuthConfig, version: str, lifespan: Lifespan | None = None
) -> FastAPI:
    """Other paths than the routers' and the OpenAPI document are 404; all but a few need an identity."""
    app = _WebApp(routers, auth, version, lifespan)
    install_error_handlers(app)
    for router in routers:
        # Not include_router: its lazy nesting matches each request's path twice.
        app.router.routes.extend(router.routes)
    return app


class _WebApp(DocumentedApi):
    def __init__(
        self, routers: Sequence[ApiRouter], auth: AuthConfig, version: str, lifespan: Lifespan | None
    ) -> None:
        super().__init__(
            title="Dockrev",
            version=version,
            lifespan=lifespan,
            openapi_url="/api/openapi.json",
            docs_url=None,
            redoc_url=None,
            redirect_slashes=False,
            telemetry={"tracing": False, "metrics": False, "logs": False},
            middleware=[
                Middleware(SecurityHeaders),
                Middleware(RequestLog),
                Middleware(HeadAsGet),
                Middleware(ExceptionMiddleware, handlers={**HANDLERS, Exception: unexpected}),
                Middleware(Guard, auth=auth),
            ],
        )
        lanes = {path: lane for router in routers for path, lane in router.lanes.items()}
        self._front = FastLane(super().__call__, auth, lanes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._front(scope, receive, send)
