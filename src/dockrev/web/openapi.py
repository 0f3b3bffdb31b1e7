"""What the generated OpenAPI document says beyond the routes' own declarations."""

from typing import Any, Final

from fastapi import FastAPI

from dockrev.web.errors import ErrorEnvelope
from dockrev.web.guard import PUBLIC_PATHS

_MEANINGS: Final = {
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
_TEXT: Final = {"type": "string"}
_EVENT: Final = {
    "type": "object",
    "description": "Each event of the stream; its data is a JSON text.",
    "properties": {"id": _TEXT, "event": _TEXT, "data": _TEXT},
    "required": ["event", "data"],
}
_SCHEMA: Final = {"$ref": "#/components/schemas/ErrorEnvelope"}


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The errors a route answers on its own; 400, 401 and 403 are declared for it where they can happen."""
    return {status: {"model": ErrorEnvelope, "description": _MEANINGS[status]} for status in statuses}


class DocumentedApi(FastAPI):
    def openapi(self) -> dict[str, Any]:
        if self.openapi_schema is None:
            _declare_refusals(super().openapi())
        return super().openapi()


def _declare_refusals(document: dict[str, Any]) -> None:
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    envelope = ErrorEnvelope.model_json_schema(
        mode="serialization", ref_template="#/components/schemas/{model}"
    )
    schemas.update(envelope.pop("$defs"))
    schemas["ErrorEnvelope"] = envelope
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            _declare(operation["responses"], _refusals(path, method))
            _describe_events(operation["responses"])


def _refusals(path: str, method: str) -> list[int]:
    """What the machinery may answer before a route runs."""
    statuses = [400]
    if path not in PUBLIC_PATHS:
        statuses.append(401)
    if method != "get":
        statuses.append(403)
    return statuses


def _declare(declared: dict[str, Any], statuses: list[int]) -> None:
    """FastAPI promises its own 422 for every parsing failure; ours are 400."""
    if _schema_of(declared.get("422")) != _SCHEMA:
        declared.pop("422", None)
    for status in statuses:
        declared.setdefault(
            str(status),
            {"description": _MEANINGS[status], "content": {"application/json": {"schema": _SCHEMA}}},
        )


def _describe_events(declared: dict[str, Any]) -> None:
    for response in declared.values():
        if "text/event-stream" in response.get("content", {}):
            response["content"]["text/event-stream"]["schema"] = _EVENT


def _schema_of(response: dict[str, Any] | None) -> Any:
    return (response or {}).get("content", {}).get("application/json", {}).get("schema")
