"""The one place that turns errors into answers: every failure is the same JSON envelope."""

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


async def _raised(request: Request, error: Exception) -> Response:
    raised = cast(AppError, error)
    if raised.status >= 500:
        log.warning(
            raised.message,
            action="http.failed",
            code=raised.code,
            method=request.method,
            path=logged_path(request.scope),
            cause=_cause(raised),
        )
    answer = envelope(raised.status, raised.code, raised.message, raised.details)
    return _naming_allowed_methods(answer, request) if raised.status == 405 else answer


def _cause(error: BaseException) -> str:
    """The kinds of errors from what was raised down to its origin, with the system's own words.

    Nothing else of their texts: those of foreign errors may hold addresses and secrets.
    """
    chain: list[str] = []
    link: BaseException | None = error
    while link is not None:
        said = f" ({link.strerror})" if isinstance(link, OSError) and link.strerror else ""
        chain.append(f"{type(link).__name__}{said}")
        link = link.__cause__
    return " from ".join(chain)


async def _invalid(_: Request, error: Exception) -> Response:
    invalid_request = invalid_fields(cast(RequestValidationError, error).errors())
    return envelope(400, "invalid_argument", invalid_request.message, invalid_request.details)


async def _refused(request: Request, error: Exception) -> Response:
    """What the router itself says: no such path, or not by this method."""
    refusal = cast(HTTPException, error)
    if refusal.status_code == 404:
        return envelope(404, "not_found", "no such path")
    if refusal.status_code == 405:
        answer = envelope(405, "method_not_allowed", "this path does not take that method")
        return _naming_allowed_methods(answer, request)
    return envelope(refusal.status_code, "invalid_argument", refusal.detail)


def _naming_allowed_methods(answer: Response, request: Request) -> Response:
    answer.headers["allow"] = ", ".join(_allowed_methods(request))
    return answer


def _allowed_methods(request: Request) -> list[str]:
    """Of all routes with this path: the router names only the first one's. HEAD goes wherever GET goes.

    A route whose own status is 405 takes nothing: it is there to explain its refusal.
    """
    methods: set[str] = set()
    for route in request.app.routes:
        if isinstance(route, Route) and route.matches(request.scope)[0] is not Match.NONE and _takes(route):
            methods |= route.methods or set()
    return sorted(methods | {"HEAD"} if "GET" in methods else methods)


def _takes(route: Route) -> bool:
    return not (isinstance(route, APIRoute) and route.status_code == 405)


async def _left(_: Request, __: Exception) -> Response:
    """The client went away while it sent its body: nobody reads this, and nobody is at fault."""
    return envelope(400, "invalid_argument", "the request ended early")


async def unexpected(request: Request, error: Exception) -> Response:
    """A bug. The answer names its kind only: texts of foreign errors may hold addresses and secrets."""
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
    AppError: _raised,
    RequestValidationError: _invalid,
    HTTPException: _refused,
    ClientDisconnect: _left,
}
