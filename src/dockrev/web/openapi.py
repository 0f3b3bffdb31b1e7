"""What the generated OpenAPI document says beyond the routes' own declarations."""

from typing import Any, Final

from fastapi import FastAPI

from dockrev.config import AuthConfig
from dockrev.web.access import Access, RouteAccess
from dockrev.web.errors import ErrorEnvelope
from dockrev.web.event_schema import EventSchema
from dockrev.web.router import ApiRoute

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
_SCHEMA: Final = {"$ref": "#/components/schemas/ErrorEnvelope"}


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The errors a route answers on its own; 400, 401 and 403 are declared for it where they can happen."""
    return {status: {"model": ErrorEnvelope, "description": _MEANINGS[status]} for status in statuses}


class DocumentedApi(FastAPI):
    def __init__(self, *, auth: AuthConfig, **options: Any) -> None:
        super().__init__(**options)
        self._auth = auth

    def openapi(self) -> dict[str, Any]:
        if self.openapi_schema is None:
            document = super().openapi()
            _describe_envelope(document)
            for route in self.routes:
                if isinstance(route, ApiRoute):
                    for method in route.methods:
                        operation = document["paths"][route.path_format][method.lower()]
                        _declare(operation["responses"], _refusals(method, route.access))
                        if route.events:
                            _describe_events(document, operation, route.events)
                        operation["security"] = _security(route.access, self._auth)
                    _declare_scheme(document, route.access, self._auth.user_header)
        return super().openapi()


def _describe_envelope(document: dict[str, Any]) -> None:
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    envelope = ErrorEnvelope.model_json_schema(
        mode="serialization", ref_template="#/components/schemas/{model}"
    )
    schemas.update(envelope.pop("$defs"))
    schemas["ErrorEnvelope"] = envelope


def _security(access: RouteAccess, auth: AuthConfig) -> list[dict[str, list[str]]]:
    """`{}` stands for no credentials."""
    if access is Access.PUBLIC:
        return []
    needed: list[dict[str, list[str]]] = [{_scheme(access): []}]
    return [{}, *needed] if access is Access.IDENTITY and auth.admits_anonymous else needed


def _declare_scheme(document: dict[str, Any], access: RouteAccess, identity_header: str) -> None:
    """OpenAPI's closest word for all of these is an API key in a header."""
    if access is not Access.PUBLIC:
        header = identity_header if isinstance(access, Access) else access.header
        scheme = {"type": "apiKey", "in": "header", "name": header}
        document["components"].setdefault("securitySchemes", {})[_scheme(access)] = scheme


def _scheme(access: RouteAccess) -> str:
    return "ForwardAuth" if isinstance(access, Access) else access.header


def _refusals(method: str, access: RouteAccess) -> list[int]:
    """What the guard and the parser may answer before a route runs."""
    statuses = [400]
    if access is not Access.PUBLIC:
        statuses.append(401)
    if method != "GET":
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


def _describe_events(document: dict[str, Any], operation: dict[str, Any], events: EventSchema) -> None:
    document["components"]["schemas"] |= events.schemas()
    operation["responses"]["200"]["content"] = {"text/event-stream": {"schema": events.stream()}}


def _schema_of(response: dict[str, Any] | None) -> Any:
    return (response or {}).get("content", {}).get("application/json", {}).get("schema")
