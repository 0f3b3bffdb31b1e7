from typing import Any, Literal

import pytest
from starlette.responses import PlainTextResponse

from dockrev.config.shared import AuthConfig
from dockrev.errors import Conflict
from dockrev.web.access import Access, SharedSecret
from dockrev.web.application import create_web_app
from dockrev.web.envelope import responses
from dockrev.web.event_schema import EventSchema
from dockrev.web.identity import Principal
from dockrev.web.router import ApiRouter
from dockrev.web.sse import EventStream
from dockrev.web.wire import Nullable, Wire, WireResponse
from tests.web.asgi import ask

ENVELOPE = {"$ref": "#/components/schemas/ErrorEnvelope"}
AUTH_ENVELOPE = {"$ref": "#/components/schemas/AuthDetailsEnvelope"}


class Check(Wire):
    scope: str
    stack_id: str | None = None


class Started(Wire):
    job_id: str
    note: str | None = None
    previous: Nullable[str]


class Opened(Wire):
    type: Literal["opened"] = "opened"


class Closed(Wire):
    type: Literal["closed"] = "closed"
    reason: str


def document(auth: AuthConfig = AuthConfig()) -> dict[str, Any]:  # noqa: B008 -- frozen
    router = ApiRouter(access=Access.IDENTITY, tags=["checks"])

    async def health() -> PlainTextResponse:
        return PlainTextResponse("ok")

    async def trusted(secret: str | None) -> Principal:
        return Principal(secret or "nobody")

    router.add_api_route("/api/health", health, methods=["GET"], access=Access.PUBLIC)
    router.add_api_route("/api/hook", health, methods=["POST"], access=SharedSecret("X-Secret", trusted))

    @router.post("/api/checks", response_model=Started, responses=responses(409))
    async def check(check: Check) -> WireResponse:
        raise Conflict(check.scope)

    @router.post("/api/resolve", response_model=Started, responses=responses(422, 502))
    async def resolve(check: Check) -> WireResponse:
        raise Conflict(check.scope)

    async def events() -> EventStream:
        raise Conflict("closed")

    schema = EventSchema("Event", (Opened, Closed))
    router.add_api_route("/api/events", events, methods=["GET"], events=schema, responses=responses(404, 503))
    return create_web_app([router], auth, "1.2.3").openapi()


def declared(path: str, method: str) -> set[str]:
    return set(document()["paths"][path][method]["responses"])


@pytest.mark.parametrize(
    ("path", "method", "statuses"),
    [
        ("/api/health", "get", {"200", "400"}),
        ("/api/checks", "post", {"200", "400", "401", "403", "409"}),
        ("/api/resolve", "post", {"200", "400", "401", "403", "422", "502"}),
    ],
)
def test_every_status_is_declared(path: str, method: str, statuses: set[str]) -> None:
    assert declared(path, method) == statuses


def test_each_route_declares_its_credentials() -> None:
    openapi = document(AuthConfig(allowed_user="ivan"))
    security = {
        path: operation["security"] for path, item in openapi["paths"].items() for operation in item.values()
    }
    assert security["/api/health"] == []
    assert security["/api/checks"] == [{"ForwardAuth": []}]
    assert security["/api/hook"] == [{"X-Secret": []}]
    assert openapi["components"]["securitySchemes"] == {
        "ForwardAuth": {"type": "apiKey", "in": "header", "name": "x-forwarded-user"},
        "X-Secret": {"type": "apiKey", "in": "header", "name": "X-Secret"},
    }


def test_credentials_are_optional_when_anonymous_access_is_allowed() -> None:
    assert document()["paths"]["/api/checks"]["post"]["security"] == [{}, {"ForwardAuth": []}]
    assert document()["paths"]["/api/hook"]["post"]["security"] == [{"X-Secret": []}]


def test_every_error_is_the_envelope() -> None:
    for path, operations in document()["paths"].items():
        for operation in operations.values():
            for status, response in operation["responses"].items():
                if int(status) >= 400:
                    by_identity = status == "401" and {"ForwardAuth": []} in operation["security"]
                    expected = AUTH_ENVELOPE if by_identity else ENVELOPE
                    assert response["content"]["application/json"]["schema"] == expected, (path, status)
                    assert response["description"]


def test_a_stream_is_described_by_its_events() -> None:
    openapi = document()
    response = openapi["paths"]["/api/events"]["get"]["responses"]["200"]
    stream = response["content"]["text/event-stream"]["schema"]
    assert stream["required"] == ["event", "data"]
    assert stream["properties"]["data"]["contentSchema"] == {"$ref": "#/components/schemas/Event"}
    event = openapi["components"]["schemas"]["Event"]
    assert event["discriminator"]["propertyName"] == "type"
    assert set(event["discriminator"]["mapping"]) == {"opened", "closed"}
    assert openapi["components"]["schemas"]["Closed"]["required"] == ["type", "reason"]


def test_the_document_has_our_error_envelope_and_not_that_of_the_framework() -> None:
    schemas = document()["components"]["schemas"]
    assert schemas["ErrorBody"]["required"] == ["code", "message", "details"]
    assert not {"HTTPValidationError", "ValidationError"} & set(schemas)


def test_every_reference_has_a_target() -> None:
    openapi = document()
    schemas = openapi["components"]["schemas"]

    def references(node: object) -> list[str]:
        if isinstance(node, dict):
            own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
            return own + [reference for value in node.values() for reference in references(value)]
        if isinstance(node, list):
            return [reference for value in node for reference in references(value)]
        return []

    names = {reference.removeprefix("#/components/schemas/") for reference in references(openapi)}
    assert names <= set(schemas)
    assert "ErrorEnvelope" in names


def test_answers_leave_out_null_and_requests_accept_it() -> None:
    schemas = document()["components"]["schemas"]
    assert schemas["Started"]["properties"]["note"]["type"] == "string"
    assert {"type": "null"} in schemas["Started"]["properties"]["previous"]["anyOf"]
    assert {"type": "null"} in schemas["Check"]["properties"]["stackId"]["anyOf"]


async def test_the_document_is_served_below_api_and_built_once() -> None:
    app = create_web_app([ApiRouter(access=Access.IDENTITY)], AuthConfig(), "1.2.3")
    answer = await ask(app, "GET", "/api/openapi.json")
    assert answer.json()["info"] == {"title": "Dockrev", "version": "1.2.3"}
    assert app.openapi() is app.openapi()
