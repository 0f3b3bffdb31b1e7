from collections.abc import Callable, Coroutine

import pytest
import structlog
from fastapi import Query
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

from dockrev.config.shared import AuthConfig
from dockrev.errors import (
    AppError,
    Conflict,
    DockerError,
    InvalidJobsCursor,
    ManualRegistrationDisabled,
    NotFound,
    StorageError,
)
from dockrev.web.access import Access
from dockrev.web.application import create_web_app
from dockrev.web.invalid_input import field_path
from dockrev.web.router import ApiRouter
from tests.web.asgi import ask

RAISED: list[AppError] = [
    InvalidJobsCursor("bad cursor"),
    NotFound("job not found"),
    ManualRegistrationDisabled("use auto-discovery"),
    Conflict("already running", {"existingJobId": "job_1"}),
    DockerError("the engine does not answer"),
    StorageError("the disk is full"),
]


def app_of(endpoint: Callable[[], Coroutine[None, None, Response]]) -> ASGIApp:
    router = ApiRouter(access=Access.IDENTITY)
    router.get("/api/things")(endpoint)
    return create_web_app([router], AuthConfig(), "1.2.3")


def raising(error: Exception) -> ASGIApp:
    async def endpoint() -> Response:
        raise error

    return app_of(endpoint)


@pytest.mark.parametrize("error", RAISED, ids=lambda error: type(error).__name__)
async def test_an_error_of_a_feature_becomes_the_envelope(error: AppError) -> None:
    answer = await ask(raising(error), "GET", "/api/things")
    assert answer.status == error.status
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {
        "error": {"code": error.code, "message": error.message, "details": error.details}
    }


async def test_an_upstream_failure_is_logged_and_a_refusal_is_not() -> None:
    with capture_logs() as lines:
        await ask(raising(DockerError("the engine does not answer")), "GET", "/api/things")
        await ask(raising(NotFound("job not found")), "GET", "/api/things")
    assert [line["event"] for line in lines if line["log_level"] != "debug"] == ["the engine does not answer"]


async def test_the_log_line_of_a_failure_names_the_request_and_the_cause_but_no_secret() -> None:
    async def endpoint() -> Response:
        try:
            try:
                raise ConnectionRefusedError(111, "Connection refused")
            except OSError as error:
                raise RuntimeError("postgresql://dockrev:hunter2@db/dockrev") from error
        except RuntimeError as error:
            raise StorageError("the database does not answer") from error

    with capture_logs([merge_contextvars]) as lines:
        answer = await ask(
            app_of(endpoint), "GET", "/api/things?token=hunter2", headers={"x-request-id": "proxy-7"}
        )
    (line,) = (line for line in lines if line["log_level"] == "warning")
    assert answer.status == 503
    assert line == {
        "event": "the database does not answer",
        "log_level": "warning",
        "action": "http.failed",
        "code": "storage_unavailable",
        "method": "GET",
        "path": "/api/things",
        "request_id": "proxy-7",
        "cause": "StorageError from RuntimeError from ConnectionRefusedError (Connection refused)",
    }


async def test_a_bug_is_logged_once_with_its_traceback_and_its_answer_has_no_secret() -> None:
    error = KeyError("postgresql://dockrev:hunter2@db/dockrev")
    with capture_logs() as lines:
        answer = await ask(raising(error), "GET", "/api/things")
    assert answer.status == 500
    assert answer.json()["error"]["code"] == "internal"
    assert answer.json()["error"]["message"] == "internal error"
    assert "KeyError" in answer.json()["error"]["details"]["cause"]
    assert b"hunter2" not in answer.body
    assert [line["exc_info"] for line in lines if line["log_level"] == "error"] == [error]


async def test_an_exception_group_is_answered_as_one_bug() -> None:
    with capture_logs():
        answer = await ask(raising(ExceptionGroup("two", [OSError("a"), OSError("b")])), "GET", "/api/things")
    assert answer.json()["error"]["details"]["cause"].startswith("unexpected ExceptionGroup")


async def test_an_unknown_path_is_not_found() -> None:
    answer = await ask(raising(NotFound("")), "GET", "/api/elsewhere")
    assert (answer.status, answer.json()["error"]["code"]) == (404, "not_found")


@pytest.mark.parametrize("target", ["/", "/api", "/api/", "/docs", "/redoc", "/openapi.json", "/api/things/"])
async def test_paths_without_a_route_are_not_found(target: str) -> None:
    assert (await ask(raising(NotFound("")), "GET", target)).json()["error"]["code"] == "not_found"


def two_methods() -> ASGIApp:
    router = ApiRouter(access=Access.IDENTITY)

    @router.get("/api/ignores")
    async def listed() -> PlainTextResponse:
        return PlainTextResponse("listed")

    @router.delete("/api/ignores")
    async def deleted() -> PlainTextResponse:
        return PlainTextResponse("deleted")

    @router.post("/api/scans")
    async def scan() -> PlainTextResponse:
        return PlainTextResponse("scanned")

    return create_web_app([router], AuthConfig(), "1.2.3")


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "OPTIONS", "TRACE", "BREW"])
async def test_the_answer_to_a_wrong_method_lists_all_allowed_methods(method: str) -> None:
    answer = await ask(two_methods(), method, "/api/ignores")
    assert answer.status == 405
    assert answer.headers["allow"] == "DELETE, GET, HEAD"
    assert answer.json()["error"]["code"] == "method_not_allowed"


async def test_head_is_not_allowed_on_a_path_without_get() -> None:
    answer = await ask(two_methods(), "HEAD", "/api/scans")
    assert (answer.status, answer.headers["allow"]) == (405, "POST")


@pytest.mark.parametrize(
    ("method", "code"),
    [
        ("POST", "manual_registration_disabled"),
        ("PUT", "method_not_allowed"),
        ("DELETE", "method_not_allowed"),
    ],
)
async def test_the_method_of_a_route_that_only_refuses_is_not_listed_as_allowed(
    method: str, code: str
) -> None:
    router = ApiRouter(access=Access.IDENTITY)

    @router.get("/api/stacks")
    async def listed() -> PlainTextResponse:
        return PlainTextResponse("listed")

    @router.post("/api/stacks", status_code=405)
    async def refused() -> None:
        raise ManualRegistrationDisabled("use auto-discovery")

    answer = await ask(create_web_app([router], AuthConfig(), "1.2.3"), method, "/api/stacks")
    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD")
    assert answer.json()["error"]["code"] == code


async def test_query_errors_name_the_parameters() -> None:
    router = ApiRouter(access=Access.IDENTITY)

    @router.get("/api/pages/{page}")
    async def page(page: int, limit: int = Query(ge=1, le=200, alias="perPage")) -> PlainTextResponse:
        return PlainTextResponse(f"{page} {limit}")

    app = create_web_app([router], AuthConfig(), "1.2.3")
    answer = await ask(app, "GET", "/api/pages/last?perPage=0")
    assert answer.status == 400
    assert answer.json()["error"]["code"] == "invalid_argument"
    errors = answer.json()["error"]["details"]["errors"]
    assert [error["field"] for error in errors] == ["page", "perPage"]
    assert all(set(error) == {"field", "message"} for error in errors)
    assert answer.json()["error"]["message"] == f"page: {errors[0]['message']}"


@pytest.mark.parametrize(
    ("location", "path"),
    [
        (("body",), "body"),
        (("body", "scope"), "scope"),
        (("body", "targets", 0, "serviceId"), "targets[0].serviceId"),
        (("body", 2), "[2]"),
        (("query", "limit"), "limit"),
        (("body", "a", "b", 3, 4, "c"), "a.b[3][4].c"),
    ],
)
def test_a_field_is_written_as_in_the_request(location: tuple[str | int, ...], path: str) -> None:
    assert field_path(location) == path


async def test_every_answer_carries_the_security_headers_and_an_id() -> None:
    for app in (raising(NotFound("")), raising(KeyError("")), two_methods()):
        with capture_logs():
            headers = (await ask(app, "GET", "/api/things")).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cache-control"] == "no-store"
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["x-request-id"]


async def test_an_answer_may_set_its_own_policy_and_caching() -> None:
    async def endpoint() -> Response:
        own = {"content-security-policy": "default-src 'self'", "cache-control": "max-age=60"}
        return Response("page", headers=own)

    headers = (await ask(app_of(endpoint), "GET", "/api/things")).headers
    assert headers["content-security-policy"] == "default-src 'self'"
    assert headers["cache-control"] == "max-age=60"
    assert headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("sent", ["abc-123", "01JPM8Z6V2Q9Y3K4T5W6X7A8B9", "a" * 64])
async def test_a_safe_request_id_is_kept(sent: str) -> None:
    answer = await ask(two_methods(), "GET", "/api/ignores", headers={"x-request-id": sent})
    assert answer.headers["x-request-id"] == sent


@pytest.mark.parametrize("sent", ["", "a b", "a\x1b[31m", "a" * 65, "ä", '{"a":1}'])
async def test_an_unsafe_request_id_is_replaced(sent: str) -> None:
    answer = await ask(two_methods(), "GET", "/api/ignores", headers={"x-request-id": sent})
    assert answer.headers["x-request-id"] != sent
    assert len(answer.headers["x-request-id"]) == 16


async def test_a_request_is_logged_as_one_line_without_its_query() -> None:
    with capture_logs() as lines:
        await ask(two_methods(), "HEAD", "/api/ignores?token=hunter2")
    assert len(lines) == 1
    line = lines[0]
    assert (line["action"], line["method"], line["path"], line["status"], line["log_level"]) == (
        "http.request",
        "HEAD",
        "/api/ignores",
        200,
        "debug",
    )
    assert "hunter2" not in str(line)


async def test_the_log_lines_of_a_route_have_the_request_id() -> None:
    async def endpoint() -> Response:
        structlog.get_logger().info("inside", action="test.inside")
        return Response("done")

    with capture_logs(processors=[structlog.contextvars.merge_contextvars]) as lines:
        await ask(app_of(endpoint), "GET", "/api/things", headers={"x-request-id": "abc-123"})
    assert [line["request_id"] for line in lines] == ["abc-123", "abc-123"]
