"""The job routes: lists and details over ASGI, event streams over real HTTP."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from aiohttp import ClientResponse
from fastapi import FastAPI

from dockrev.clock import timestamp
from dockrev.config.shared import AuthConfig
from dockrev.jobs.context import JobContext
from dockrev.jobs.kinds import JobKind
from dockrev.jobs.models import (
    JobOutcome,
    JobProgress,
    JobSummary,
    JobTarget,
    Level,
    NewJob,
    ProgressDocument,
    Reason,
    Scope,
)
from dockrev.jobs.routes import JobRoutes
from dockrev.jobs.runner import JobRunner
from dockrev.jobs.streams import JobStreams
from dockrev.web.application import create_web_app
from dockrev.web.shutdown import Shutdown
from tests.fakes.clock import MovableClock
from tests.jobs.building import Jobs, an_event, failure, stack, success
from tests.web.asgi import Answer, ask
from tests.web.serving import serving


@dataclass(frozen=True)
class Api:
    app: FastAPI
    shutdown: Shutdown

    async def get(self, path: str) -> Answer:
        return await ask(self.app, "GET", path)

    async def list(self, query: str = "") -> list[str]:
        answer = await self.get(f"/api/jobs{query}")
        assert answer.status == 200
        return [job["id"] for job in answer.json()["jobs"]]

    @asynccontextmanager
    async def stream(self, path: str, **headers: str) -> AsyncIterator[ClientResponse]:
        async with (
            serving(self.app, self.shutdown) as served,
            asyncio.timeout(10),
            served.client.get(path, headers=headers) as response,
        ):
            yield response


async def never(_: JobContext) -> JobOutcome:
    raise AssertionError("no job runs here")


@pytest.fixture
def api(jobs: Jobs, clock: MovableClock, tmp_path: Path) -> Api:
    shutdown = Shutdown()
    runner = JobRunner(jobs.store, clock)
    for kind in ("check", "update"):
        runner.register(JobKind(kind, never, JobSummary))
    routes = JobRoutes(jobs.store, JobStreams(jobs.store, jobs.feed), runner, shutdown)
    return Api(create_web_app([routes.router], AuthConfig(), "1.0"), shutdown)


async def test_only_a_job_that_has_not_ended_can_be_cancelled(api: Api, jobs: Jobs) -> None:
    job_id, ended = await jobs.start(type="update"), await jobs.finished()
    answers = [await ask(api.app, "POST", f"/api/jobs/{one}/cancel") for one in (job_id, ended.id, "job_x")]
    assert [answer.status for answer in answers] == [200, 409, 404]
    assert (await jobs.store.get(job_id)).cancel_requested


async def test_a_running_job_has_the_documented_shape(api: Api, jobs: Jobs, clock: MovableClock) -> None:
    target = JobTarget(Scope.SERVICE, "stk_a", "svc_a")
    await jobs.store.start(NewJob("chk_1", "check", target, "ann", Reason.UI), None)
    done = JobProgress("scanning", "checking services (1/2)", 1, 2)
    await jobs.store.set_progress("chk_1", ProgressDocument.of(done, clock.now()))
    now = timestamp(clock.now())
    shown = {
        "phase": "scanning",
        "message": "checking services (1/2)",
        "current": 1,
        "total": 2,
        "percent": 50,
        "updatedAt": now,
    }
    expected = {
        "id": "chk_1",
        "type": "check",
        "hostId": "local",
        "scope": "service",
        "stackId": "stk_a",
        "serviceId": "svc_a",
        "status": "running",
        "createdBy": "ann",
        "reason": "ui",
        "createdAt": now,
        "startedAt": now,
        "allowArchMismatch": False,
        "backupMode": "inherit",
        "summary": {"progress": shown},
        "progress": shown,
    }
    assert (await api.get("/api/jobs")).json() == {"jobs": [expected]}
    answer = (await api.get("/api/jobs/chk_1")).json()
    (line,) = answer["job"].pop("logs")
    assert answer["job"].pop("logsLastId") == 1
    assert answer == {"job": expected}
    assert (line["ts"], line["level"]) == (now, "event")


async def test_a_finished_job_says_when_and_how_it_ended(api: Api, jobs: Jobs, clock: MovableClock) -> None:
    job_id = await jobs.start()
    clock.advance(1.5)
    await jobs.store.finish(job_id, failure(error="no"))
    job = (await api.get(f"/api/jobs/{job_id}")).json()["job"]
    assert (job["status"], job["finishedAt"]) == ("failed", timestamp(clock.now()))
    assert job["summary"] == {"error": "no"}
    assert "progress" not in job
    assert "stackId" not in job


async def test_a_detail_shows_the_newest_500_lines(api: Api, jobs: Jobs) -> None:
    job_id = await jobs.start()
    for number in range(505):
        await jobs.store.add_log(job_id, Level.INFO, str(number))
    job = (await api.get(f"/api/jobs/{job_id}")).json()["job"]
    assert [line["msg"] for line in job["logs"]] == [str(number) for number in range(5, 505)]
    assert job["logsLastId"] == await jobs.store.last_log_id()


async def test_a_job_without_lines_has_last_id_zero(api: Api, jobs: Jobs) -> None:
    job = (await api.get(f"/api/jobs/{await jobs.start()}")).json()["job"]
    assert (job["logs"], job["logsLastId"]) == ([], 0)


async def test_the_list_is_read_page_by_page(api: Api, jobs: Jobs, clock: MovableClock) -> None:
    ids = []
    for _ in range(5):
        ids.append(await jobs.start())
        clock.advance(1)
    first = (await api.get("/api/jobs?limit=2")).json()
    second = (await api.get(f"/api/jobs?limit=2&cursor={first['nextCursor']}")).json()
    third = (await api.get(f"/api/jobs?limit=2&cursor={second['nextCursor']}")).json()
    seen = [job["id"] for page in (first, second, third) for job in page["jobs"]]
    assert seen == ids[::-1]
    assert "nextCursor" not in third


async def test_a_page_that_is_exactly_full_has_no_next_one(api: Api, jobs: Jobs) -> None:
    await jobs.start()
    assert "nextCursor" not in (await api.get("/api/jobs?limit=1")).json()


async def test_the_list_can_be_filtered(api: Api, jobs: Jobs) -> None:
    check = (await jobs.finished(stack("stk_a"))).id
    scan = await jobs.start(JobTarget(Scope.SERVICE, service_id="svc_a"), type="discovery")
    for query, expected in {
        "?type=check": [check],
        "?type=discovery,%20check": [scan, check],
        "?type=other": [],
        "?status=running": [scan],
        "?status=success": [check],
        "?stackId=stk_a": [check],
        "?serviceId=svc_a": [scan],
        "?serviceId=svc_a&status=success": [],
        "?unknown=1": [scan, check],
        "?status=&limit=&cursor=%20&type=&stackId=&serviceId=%20": [scan, check],
    }.items():
        assert sorted(await api.list(query)) == sorted(expected), query


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("limit=x", "limit"),
        ("status=done", "status"),
    ],
)
async def test_an_invalid_query_is_refused(api: Api, query: str, field: str) -> None:
    answer = await api.get(f"/api/jobs?{query}")
    assert answer.status == 400
    error = answer.json()["error"]
    assert (error["code"], error["details"]["errors"][0]["field"]) == ("invalid_argument", field)


@pytest.mark.parametrize("cursor", ["x", "e30", "%25", "9" * 300])
async def test_an_invalid_cursor_is_refused(api: Api, cursor: str) -> None:
    answer = await api.get(f"/api/jobs?cursor={cursor}")
    assert (answer.status, answer.json()["error"]["code"]) == (400, "invalid_jobs_cursor")


@pytest.mark.parametrize("path", ["/api/jobs/job_x", "/api/jobs/job_x/events"])
async def test_a_job_that_does_not_exist_is_404(api: Api, path: str) -> None:
    answer = await api.get(path)
    assert answer.status == 404
    assert answer.json()["error"] == {"code": "not_found", "message": "job not found", "details": {}}


@pytest.mark.parametrize("path", ["/api/jobs/events?afterId=x", "/api/jobs/job_x/events?afterId=1.5"])
async def test_the_id_to_resume_from_must_be_a_whole_number(api: Api, path: str) -> None:
    answer = await api.get(path)
    assert (answer.status, answer.json()["error"]["code"]) == (400, "invalid_argument")


async def test_a_stream_has_the_documented_headers_and_ends_with_its_job(api: Api, jobs: Jobs) -> None:
    job_id = await jobs.start()
    await jobs.store.add_log(job_id, Level.INFO, "check started")
    await jobs.store.finish(job_id, success())
    async with api.stream(f"/api/jobs/{job_id}/events") as response:
        assert response.status == 200
        assert response.headers["content-type"].partition(";")[0] == "text/event-stream"
        assert response.headers["cache-control"] == "no-cache"
        assert response.headers["x-accel-buffering"] == "no"
        text = (await response.read()).decode()
    comment, log, finished, end = text.split("\n\n")
    assert comment == ": keep-alive"
    assert log.startswith('id: 1\nevent: job_log\ndata: {"type":"job_log"')
    assert finished.startswith('id: 2\nevent: job_finished\ndata: {"type":"job_finished"')
    assert end == ""


@pytest.mark.parametrize(
    ("query", "header", "first"),
    [("", "1", 2), ("?afterId=1", "0", 2), ("?afterId=2", "1", 3), ("?afterId=-5", "nonsense", 1)],
)
async def test_a_stream_resumes_after_the_later_of_both_ids(
    api: Api, jobs: Jobs, query: str, header: str, first: int
) -> None:
    job_id = await jobs.start()
    for number in range(3):
        await jobs.store.add_log(job_id, Level.INFO, str(number))
    await jobs.store.finish(job_id, success())
    async with api.stream(f"/api/jobs/{job_id}/events{query}", **{"Last-Event-ID": header}) as response:
        ids = [line for line in (await response.text()).splitlines() if line.startswith("id: ")]
    assert ids[0] == f"id: {first}"


async def test_the_stream_of_all_jobs_is_live_and_ends_with_the_server(api: Api, jobs: Jobs) -> None:
    job_id = await jobs.start()
    await jobs.store.add_event(job_id, an_event("long_ago"))
    async with api.stream("/api/jobs/events?afterId=0") as response:
        assert await response.content.readline() == b": keep-alive\n"
        await response.content.readline()
        await jobs.store.finish(job_id, success())
        assert await response.content.readline() == b"id: 2\n"
        assert await response.content.readline() == b"event: job_event\n"
        api.shutdown.begin()
        await response.read()
