"""Adds to the generated OpenAPI document what the routes themselves do not declare."""

from typing import Any

from fastapi import FastAPI

from dockrev.config.shared import AuthConfig
from dockrev.web.access import Access, RouteAccess
from dockrev.web.envelope import MEANINGS, AuthDetails, ErrorDetails, envelope_of
from dockrev.web.event_schema import EventSchema
from dockrev.web.router import ApiRoute


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
                        _declare(operation["responses"], method, route.access)
                        if route.events:
                            _describe_events(document, operation, route.events)
                        operation["security"] = _security(route.access, self._auth)
                    _declare_scheme(document, route.access, self._auth.user_header)
        return super().openapi()


def _describe_envelope(document: dict[str, Any]) -> None:
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    for details in (ErrorDetails, AuthDetails):
        envelope = envelope_of(details).model_json_schema(
            mode="serialization", ref_template="#/components/schemas/{model}"
        )
        schemas.update(envelope.pop("$defs"))
        schemas[envelope_of(details).__name__] = envelope


def _security(access: RouteAccess, auth: AuthConfig) -> list[dict[str, list[str]]]:
    """`{}` stands for no credentials."""
    if access is Access.PUBLIC:
        return []
    needed: list[dict[str, list[str]]] = [{_scheme(access): []}]
    return [{}, *needed] if access is Access.IDENTITY and auth.admits_anonymous else needed


def _declare_scheme(document: dict[str, Any], access: RouteAccess, identity_header: str) -> None:
    """All of these are declared as an API key in a header, the closest that OpenAPI offers."""
    if access is not Access.PUBLIC:
        header = identity_header if isinstance(access, Access) else access.header
        scheme = {"type": "apiKey", "in": "header", "name": header}
        document["components"].setdefault("securitySchemes", {})[_scheme(access)] = scheme


def _scheme(access: RouteAccess) -> str:
    return "ForwardAuth" if isinstance(access, Access) else access.header


def _refusals(method: str, access: RouteAccess) -> list[int]:
    """The errors that the guard and the parser may answer with before the route runs."""
    statuses = [400]
    if access is not Access.PUBLIC:
        statuses.append(401)
    if method != "GET":
        statuses.append(403)
    return statuses


def _declare(declared: dict[str, Any], method: str, access: RouteAccess) -> None:
    """Replaces FastAPI's 422 for invalid input, which our parser answers with 400."""
    if "HTTPValidationError" in str(declared.get("422")):
        del declared["422"]
    for status in _refusals(method, access):
        by_identity = status == 401 and access is Access.IDENTITY
        name = envelope_of(AuthDetails if by_identity else ErrorDetails).__name__
        content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{name}"}}}
        declared.setdefault(str(status), {"description": MEANINGS[status], "content": content})


def _describe_events(document: dict[str, Any], operation: dict[str, Any], events: EventSchema) -> None:
    document["components"]["schemas"] |= events.schemas()
    operation["responses"]["200"]["content"] = {"text/event-stream": {"schema": events.stream()}}
