"""Builds the web application from the routers of the features."""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager

from fastapi import FastAPI
from starlette.middleware import Middleware
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.middleware.gzip import GZipMiddleware

from dockrev.config.shared import AuthConfig
from dockrev.web.errors import HANDLERS, install_error_handlers, unexpected
from dockrev.web.guard import Guard
from dockrev.web.head import HeadAsGet
from dockrev.web.openapi import DocumentedApi
from dockrev.web.request_log import RequestLog
from dockrev.web.router import ApiRouter
from dockrev.web.security import SecurityHeaders

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


def create_web_app(
    routers: Sequence[ApiRouter], auth: AuthConfig, version: str, lifespan: Lifespan | None = None
) -> FastAPI:
    """Only the routers' paths and the OpenAPI document exist; every other path answers 404."""
    routes = [route for router in routers for route in router.routes]
    app = DocumentedApi(
        auth=auth,
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
            Middleware(GZipMiddleware, minimum_size=1024, compresslevel=5),
            Middleware(HeadAsGet),
            Middleware(ExceptionMiddleware, handlers={**HANDLERS, Exception: unexpected}),
            Middleware(Guard, auth=auth),
        ],
    )
    install_error_handlers(app)
    # Not include_router: its lazy nesting matches each request's path twice.
    app.router.routes.extend(routes)
    return app
