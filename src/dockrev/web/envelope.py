"""The models of the error envelope, which is the JSON of every failure."""

from functools import cache
from typing import Any, Final

from pydantic import create_model

from dockrev.web.wire import Nullable, Wire

MEANINGS: Final = {
    400: "The request is malformed or breaks a rule",
    401: "The request has no identity that is allowed",
    403: "The request comes from a page of another site",
    404: "The resource does not exist",
    405: "The path does not support this method",
    409: "The request conflicts with the current state, for example with a running job",
    422: "The request is valid, but cannot be carried out in the current state",
    500: "The server failed, and the details give the cause",
    502: "A service that Dockrev depends on failed",
    503: "The server is temporarily unavailable",
}


class FieldFault(Wire):
    """`field` is written as in the request: `targets[0].serviceId`."""

    field: str
    message: str


class ErrorDetails(Wire):
    """The code decides which of these fields are present. A route may declare its own details."""

    errors: list[FieldFault] | None = None
    field: str | None = None
    value: str | None = None
    reason: str | None = None
    cause: str | None = None
    op: str | None = None


class AuthDetails(Wire):
    """What an operator needs to correct the configuration of the proxy. Names are masked."""

    reason: str
    message: str
    forward_header_name: str
    group_header_name: str
    allowed_user_masked: Nullable[str]
    allowed_group_masked: Nullable[str]
    current_user: Nullable[str]
    current_groups: list[Nullable[str]]
    authorization_mode: str


class ErrorBody(Wire):
    code: str
    message: str
    details: ErrorDetails


class ErrorEnvelope(Wire):
    error: ErrorBody


@cache
def envelope_of(details: Any) -> type[Wire]:
    """The envelope whose `details` are this model or union of models."""
    name = getattr(details, "__name__", None) or "Or".join(model.__name__ for model in details.__args__)
    if details is ErrorDetails:
        return ErrorEnvelope
    body = create_model(f"{name}Body", __base__=ErrorBody, details=(details, ...))
    return create_model(f"{name}Envelope", __base__=ErrorEnvelope, error=(body, ...))


def responses(*statuses: int, details: Any = ErrorDetails) -> dict[int | str, dict[str, Any]]:
    """Declares the errors that a route itself answers with. `web/openapi.py` adds 400, 401 and 403."""
    return {status: {"model": envelope_of(details), "description": MEANINGS[status]} for status in statuses}
