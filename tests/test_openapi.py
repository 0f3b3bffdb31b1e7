"""The OpenAPI document is complete: it declares the answer to every request, valid or not."""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from anyio.from_thread import start_blocking_portal
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.strategies import SearchStrategy, one_of
from schemathesis import APIOperation, Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.e2e.api import until
from tests.e2e.server_process import ServerProcess, ready_server
from tests.fakes.host import FakeHost
from tests.fakes.registry import FakeRegistry

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
]
EXAMPLES = [15, pytest.param(60, marks=pytest.mark.soak)]
"""The number of requests for each operation."""
EXAMPLES_WITHOUT_IDENTITY = [2, pytest.param(10, marks=pytest.mark.soak)]
SETTINGS = settings(
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
BEST = {
    "POST /api/backups/{backup_id}/restores": 404,
    "POST /api/stacks": 405,
    "POST /api/updates": 400,
    "POST /api/jobs/{job_id}/cancel": 409,
    "POST /api/services/{service_id}/version-inference/refresh": 202,
}
"""The best status that a generated request can get, for operations where that is not 200."""
PUBLIC = ("/api/health", "/api/version", "/api/ready")


Operation = APIOperation[Any, Any, Any, Any]
Request = Case[Any]


@dataclass(frozen=True, slots=True)
class Furnished:
    """A server with data, and the ids of that data."""

    server: ServerProcess
    ids: Mapping[str, str]
    """The ids by path parameter."""
    meaningful: Mapping[str, Mapping[str, Any]]
    """Parts of requests that refer to existing data, by operation. A generator cannot guess these."""


@pytest.fixture(scope="module")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Furnished]:
    directory = tmp_path_factory.mktemp("openapi")
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(FakeHost.running(directory)) as host,
        portal.wrap_async_context_manager(FakeRegistry()) as registry,
    ):
        registry.push("app", "1")
        registry.push_single("app", "2")
        registry.fail("broken").status = 500
        host.deploy("blog", {"web": f"{registry.host}/app:1", "worker": f"{registry.host}/app:2"})
        host.deploy("shop", {"web": f"{registry.host}/broken:1", "gone": f"{registry.host}/gone:1"})
        with ready_server(directory, host.docker_host, DOCKREV_LOG_LEVEL="warning") as server:
            yield asyncio.run(_furnish(server))


async def _furnish(server: ServerProcess) -> Furnished:
    async with server.api() as api:
        stack = await api.discovered("blog", 2)
        job = await api.check()
        assert job["summary"]["servicesFailed"] == 2
        await api.finished((await api.post("/api/discovery/scan"))["jobId"])
        service_id, digest = stack["services"][0]["id"], stack["services"][0]["image"]["digest"]
        snapshot = f"/api/services/{service_id}/digest-tags-snapshot?digest={digest}"
        await until(lambda: api.get(snapshot), lambda answer: "tags" in answer)
    ids = {"stack_id": stack["id"], "service_id": service_id, "project": "shop", "job_id": job["id"]}
    rule = {"scope": {"type": "service", "serviceId": service_id}, "match": {"kind": "exact", "value": "1"}}
    meaningful = {
        "POST /api/ignores": {"body": rule},
        "GET /api/services/{service_id}/digest-tags": {"query": {"digest": digest}},
        "GET /api/services/{service_id}/digest-tags-snapshot": {"query": {"digest": digest}},
        "POST /api/services/{service_id}/version-inference/refresh": {"body": {"digest": digest}},
    }
    return Furnished(server, ids, meaningful)


@pytest.fixture(scope="module")
def operations(furnished: Furnished) -> list[Operation]:
    """All operations except the event streams, which do not end."""
    document = schemathesis.openapi.from_url(f"{furnished.server.url}/api/openapi.json")
    return [
        operation
        for result in document.get_all_operations()
        if isinstance(result, Ok) and not (operation := result.ok()).path.endswith("/events")
    ]


def requests_to(operation: Operation, furnished: Furnished) -> SearchStrategy[Request]:
    """Generates well-formed requests about existing and missing data, and malformed requests."""
    path_ids = {name: value for name, value in furnished.ids.items() if f"{{{name}}}" in operation.path}
    parts: dict[str, Any] = {"path_parameters": path_ids} if path_ids else {}
    strategies = [operation.as_strategy()]
    if path_ids:
        strategies.append(operation.as_strategy(**parts))
    if meaningful := furnished.meaningful.get(operation.label):
        strategies.append(operation.as_strategy(**parts, **meaningful))
    if operation.query or operation.body:
        strategies.append(operation.as_strategy(GenerationMode.NEGATIVE))
    return one_of(*strategies)


def fuzz(operation: Operation, furnished: Furnished, examples: int, url: str | None = None) -> set[int]:
    """Checks each answer against the document. Returns the statuses of the answers."""
    statuses = set()

    @settings(SETTINGS, max_examples=examples)
    @given(requests_to(operation, furnished))
    def check_answer(request: Request) -> None:
        answer = request.call(base_url=url)
        statuses.add(answer.status_code)
        request.validate_response(answer, checks=CHECKS)

    check_answer()
    return statuses


@pytest.mark.parametrize("examples", EXAMPLES)
def test_the_document_declares_every_answer(
    furnished: Furnished, operations: list[Operation], subtests: pytest.Subtests, examples: int
) -> None:
    for operation in operations:
        with subtests.test(operation.label):
            statuses = fuzz(operation, furnished, examples)
            assert BEST.get(operation.label, 200) in statuses


@pytest.mark.parametrize("examples", EXAMPLES_WITHOUT_IDENTITY)
def test_a_caller_without_identity_gets_only_401(
    furnished: Furnished,
    operations: list[Operation],
    tmp_path: Path,
    subtests: pytest.Subtests,
    examples: int,
) -> None:
    docker_host = furnished.server.env["DOCKER_HOST"]
    with ready_server(tmp_path, docker_host, DOCKREV_AUTH_ALLOWED_USER="alice") as guarded:
        for operation in operations:
            with subtests.test(operation.label):
                statuses = fuzz(operation, furnished, examples, guarded.url)
                assert statuses == ({200} if operation.path in PUBLIC else {401})


@pytest.mark.parametrize(
    "path", ["/api/jobs/events", "/api/jobs/{job_id}/events", "/api/version-inference/events"]
)
async def test_event_streams_answer_as_the_document_declares(furnished: Furnished, path: str) -> None:
    async with furnished.server.api() as api:
        declared = (await api.get("/api/openapi.json"))["paths"][path]["get"]["responses"]
        stream = path.format(**furnished.ids)
        async with api.session.get(stream) as answer:
            assert (answer.status, answer.content_type) == (200, *declared["200"]["content"])
            assert await answer.content.readline() == b": keep-alive\n"
        async with api.session.get(f"{stream}?afterId=x") as answer:
            assert (answer.status, answer.content_type) == (400, *declared["400"]["content"])


async def test_the_document_declares_the_404_of_a_missing_jobs_stream(furnished: Furnished) -> None:
    async with furnished.server.api() as api:
        responses = (await api.get("/api/openapi.json"))["paths"]["/api/jobs/{job_id}/events"]["get"][
            "responses"
        ]
        async with api.session.get("/api/jobs/chk_none/events") as answer:
            assert (answer.status, answer.content_type) == (404, *responses["404"]["content"])


async def test_the_document_declares_the_304_of_the_list_of_stacks(furnished: Furnished) -> None:
    async with furnished.server.api() as api:
        document = await api.get("/api/openapi.json")
        async with api.session.get("/api/stacks") as answer:
            headers = {"If-None-Match": answer.headers["ETag"]}
        async with api.session.get("/api/stacks", headers=headers) as answer:
            assert answer.status == 304
    assert "304" in document["paths"]["/api/stacks"]["get"]["responses"]
