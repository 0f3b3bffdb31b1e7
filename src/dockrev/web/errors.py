"""Turns errors into answers. Every failure has the same JSON envelope."""

from collections.abc import Mapping
from typing import cast

import orjson
import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Match, Route
from starlette.types import ExceptionHandler

from dockrev.errors import AppError, Json
from dockrev.web.invalid_input import invalid_fields
from dockrev.web.request_log import logged_path

log = structlog.get_logger()


def install_error_handlers(app: FastAPI) -> None:
    for kind, handler in HANDLERS.items():
        app.add_exception_handler(kind, handler)


def envelope(status: int, code: str, message: str, details: Mapping[str, Json] | None = None) -> Response:
    body = {"error": {"code": code, "message": message, "details": details or {}}}
    return Response(orjson.dumps(body), status_code=status, media_type="application/json")


async def _app_error(request: Request, error: Exception) -> Response:
    app_error = cast(AppError, error)
    if app_error.status >= 500:
        log.warning(
            app_error.message,
            action="http.failed",
            code=app_error.code,
            method=request.method,
            path=logged_path(request.scope),
            cause=_cause(app_error),
        )
    answer = envelope(app_error.status, app_error.code, app_error.message, app_error.details)
    return _with_allow_header(answer, request) if app_error.status == 405 else answer


def _cause(error: BaseException) -> str:
    """Lists the types of the error and of its causes, with the operating system's message where there is one.

    Other messages are left out, since those of libraries may contain addresses and secrets.
    """
    chain: list[str] = []
    link: BaseException | None = error
    while link is not None:
        message = f" ({link.strerror})" if isinstance(link, OSError) and link.strerror else ""
        chain.append(f"{type(link).__name__}{message}")
        link = link.__cause__
    return " from ".join(chain)


async def _validation_error(_: Request, error: Exception) -> Response:
    invalid_request = invalid_fields(cast(RequestValidationError, error).errors())
    return envelope(400, "invalid_argument", invalid_request.message, invalid_request.details)


async def _router_error(request: Request, error: Exception) -> Response:
    """The router raises these for an unknown path and for a method that the path does not support."""
    router_error = cast(HTTPException, error)
    if router_error.status_code == 404:
        return envelope(404, "not_found", "no such path")
    if router_error.status_code == 405:
        answer = envelope(405, "method_not_allowed", "this path does not take that method")
        return _with_allow_header(answer, request)
    return envelope(router_error.status_code, "invalid_argument", router_error.detail)


def _with_allow_header(answer: Response, request: Request) -> Response:
    answer.headers["allow"] = ", ".join(_allowed_methods(request))
    return answer


def _allowed_methods(request: Request) -> list[str]:
    """Collects the methods of all routes with this path, since the router names only those of the first.

    HEAD is allowed wherever GET is. A route whose own status is 405 only explains its refusal, so its method
    does not count.
    """
    methods: set[str] = set()
    for route in request.app.routes:
        if not isinstance(route, Route) or _only_refuses(route):
            continue
        if route.matches(request.scope)[0] is not Match.NONE:
            methods |= route.methods or set()
    return sorted(methods | {"HEAD"} if "GET" in methods else methods)


def _only_refuses(route: Route) -> bool:
    return isinstance(route, APIRoute) and route.status_code == 405


async def _client_disconnected(_: Request, __: Exception) -> Response:
    """The client disconnected while it sent its body, so nobody reads this answer. It is no server error."""
    return envelope(400, "invalid_argument", "the request ended early")


async def unexpected(request: Request, error: Exception) -> Response:
    """Answers for a bug. It names only the type: messages of libraries may contain addresses and secrets."""
    log.error(
        "A request failed unexpectedly",
        action="http.crashed",
        method=request.method,
        path=logged_path(request.scope),
        exc_info=error,
    )
    cause = f"unexpected {type(error).__name__}; the server's log has the details"
    return envelope(500, "internal", "internal error", {"cause": cause})


HANDLERS: Mapping[type[Exception], ExceptionHandler] = {
    AppError: _app_error,
    RequestValidationError: _validation_error,
    HTTPException: _router_error,
    ClientDisconnect: _client_disconnected,
}
