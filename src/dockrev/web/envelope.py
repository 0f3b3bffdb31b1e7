"""The JSON of every failure, as the OpenAPI document shows it."""

from functools import cache
from typing import Any, Final

from pydantic import create_model

from dockrev.web.wire import Nullable, Wire

MEANINGS: Final = {
    400: "The request is malformed or breaks a rule",
    401: "The request carries no identity that is let in",
    403: "The request comes from a foreign page",
    404: "There is no such thing",
    405: "The path does not take this method",
    409: "Something else that is under way stands against it",
    422: "Valid, but it cannot be carried out as things are",
    500: "It went wrong, and the details say how",
    502: "Something that Dockrev depends on failed",
    503: "Not available at the moment",
}


class FieldFault(Wire):
    """`field` is written as in the request: `targets[0].serviceId`."""

    field: str
    message: str


class ErrorDetails(Wire):
    """Which of these are there depends on the code. Routes may declare details of their own."""

    errors: list[FieldFault] | None = None
    field: str | None = None
    value: str | None = None
    reason: str | None = None
    cause: str | None = None
    op: str | None = None


class AuthDetails(Wire):
    """Enough for an operator to mend the proxy's configuration; names are masked."""

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
    """The envelope with these details, a model or a union of models."""
    name = getattr(details, "__name__", None) or "Or".join(one.__name__ for one in details.__args__)
    if details is ErrorDetails:
        return ErrorEnvelope
    body = create_model(f"{name}Body", __base__=ErrorBody, details=(details, ...))
    return create_model(f"{name}Envelope", __base__=ErrorEnvelope, error=(body, ...))


def responses(*statuses: int, details: Any = ErrorDetails) -> dict[int | str, dict[str, Any]]:
    """The errors a route answers on its own; 400, 401 and 403 are declared for it where they can happen."""
    return {status: {"model": envelope_of(details), "description": MEANINGS[status]} for status in statuses}
