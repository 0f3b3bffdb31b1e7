"""The one place that turns errors into answers: every failure is the same JSON envelope."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

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

from dockrev.errors import AppError, InvalidArgument, Json
from dockrev.web.request_log import logged_path

log = structlog.get_logger()

_MEMBER: Final = re.compile(r"<[\w.]+: ('[^']*')>")
"""A member of an enumeration, as Python writes it."""
_OTHER_WORDS: Final = {
    "model_type": "Input should be an object",
    "model_attributes_type": "Input should be an object",
    "dict_type": "Input should be an object",
    "tuple_type": "Input should be a valid list",
}


def invalid(field: str, message: str) -> InvalidArgument:
    """The error for one wrong input; `field` is written as in the request: `targets[0].serviceId`."""
    return InvalidArgument(f"{field}: {message}", {"errors": [{"field": field, "message": message}]})


def invalid_fields(faults: Sequence[Mapping[str, Any]]) -> InvalidArgument:
    """Names the fields and what is wrong with them; never repeats what was sent.

    `faults` are pydantic's; their locations begin with `body`, `query` or `path`.
    """
    named = [_fault(fault) for fault in faults]
    return InvalidArgument(f"{named[0]['field']}: {named[0]['message']}", {"errors": named})


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


def _fault(item: Mapping[str, Any]) -> dict[str, str]:
    return {"field": field_path(item["loc"]), "message": _words(item["type"], item["msg"])}


def _words(kind: str, message: str) -> str:
    """Pydantic's, without the names of Python classes and types."""
    if kind in _OTHER_WORDS:
        return _OTHER_WORDS[kind]
    return _MEMBER.sub(r"\1", message.removeprefix("Value error, "))


def field_path(location: Sequence[str | int]) -> str:
    """("body", "targets", 0, "serviceId") becomes `targets[0].serviceId`; a body as a whole is `body`."""
    path = ""
    for part in location[1:]:
        path += f"[{part}]" if isinstance(part, int) else f".{part}"
    return path.removeprefix(".") or str(location[0])


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
