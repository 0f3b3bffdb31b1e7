"""Checks as jobs, from the route to the summary."""

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import pytest
import pytest_asyncio
from fastapi import FastAPI

from dockrev.clock import SystemClock
from dockrev.config.shared import AuthConfig
from dockrev.discovery.scanners import Scanners
from dockrev.errors import DockerError, InvalidArgument
from dockrev.images.models import CheckError, TagState
from dockrev.jobs.models import Job, JobStatus, JobTarget, Level, Reason, Scope
from dockrev.jobs.routes import JobRoutes
from dockrev.jobs.runner import JobRunner
from dockrev.jobs.streams import JobStreams
from dockrev.update_checks.deferred import DeferredChecks
from dockrev.update_checks.jobs import CheckJobs
from dockrev.update_checks.routes import CheckRoutes
from dockrev.web.application import create_web_app
from dockrev.web.shutdown import Shutdown
from tests.discovery.scripted import ScriptedScanner
from tests.fakes.clock import MovableClock
from tests.fakes.registry import FakeRegistry
from tests.jobs.building import Jobs
from tests.stacks.building import OLD, observed_service, running
from tests.update_checks.bench import Bench
from tests.web.asgi import Answer, ask

pytestmark = pytest.mark.asyncio(loop_scope="module")


@dataclass
class Checks:
    """Everything behind POST /api/checks. A test can delay the scan before a check, or let it fail."""

    bench: Bench
    jobs: Jobs
    check_jobs: CheckJobs
    app: FastAPI
    may_look: asyncio.Event = field(default_factory=asyncio.Event)
    names: dict[str, tuple[str, str]] = field(default_factory=dict)
    """The displayed versions of current and candidate by service id. Other services have none."""
    engine_error: DockerError | None = None

    @classmethod
    @asynccontextmanager
    async def open(cls, directory: Path) -> AsyncIterator[Self]:
        async def on_scan() -> Mapping[str, str]:
            await opened.may_look.wait()
            if opened.engine_error:
                raise opened.engine_error
            return {}

        async def names(service_ids: Collection[str]) -> Mapping[str, tuple[str, str]]:
            return {key: names for key, names in opened.names.items() if key in service_ids}

        async with Bench.open(directory) as bench:
            jobs = Jobs.of(bench.database, SystemClock())
            runner = JobRunner(jobs.store, SystemClock())
            check_jobs = CheckJobs(
                runner, bench.checker, bench.stacks, Scanners([ScriptedScanner(on_scan)]), names
            )
            job_routes = JobRoutes(jobs.store, JobStreams(jobs.store, jobs.feed), runner, Shutdown())
            routers = [CheckRoutes(check_jobs).router, job_routes.router]
            opened = cls(bench, jobs, check_jobs, create_web_app(routers, AuthConfig(), "1.0"))
            opened.may_look.set()
            await runner.start()
            try:
                yield opened
            finally:
                await runner.stop()

    async def post(self, body: object, **headers: str) -> Answer:
        return await ask(self.app, "POST", "/api/checks", json_body=body, headers=headers)

    async def start(self, body: object, **headers: str) -> str:
        answer = await self.post(body, **headers)
        assert answer.status == 200, answer.body
        check_id = answer.json()["checkId"]
        assert answer.json() == {"checkId": check_id}
        assert isinstance(check_id, str)
        return check_id

    async def ended(self, job_id: str) -> Job:
        return await self.jobs.ended(job_id)

    async def run(self, body: object) -> Job:
        return await self.ended(await self.start(body))

    async def summary(self, body: object) -> dict[str, Any]:
        job = await self.run(body)
        assert job.status is JobStatus.SUCCESS, job.summary
        return dict(job.summary)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def checks(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Checks]:
    async with Checks.open(tmp_path_factory.mktemp("checks")) as checks:
        yield checks


async def test_a_check_needs_only_a_scope(checks: Checks) -> None:
    job_id = await checks.start({"scope": "all"})
    assert job_id.startswith("chk_")
    job = await checks.ended(job_id)
    assert (job.type, job.target, job.reason) == ("check", JobTarget(Scope.ALL), "ui")
    assert (job.created_by, job.status) == ("anonymous", JobStatus.SUCCESS)


async def test_a_check_records_its_user_and_reason(checks: Checks) -> None:
    stack_id = await checks.bench.stack("asked")
    body = {"scope": "stack", "stackId": stack_id, "reason": "webhook", "more": "is ignored"}
    job = await checks.ended(await checks.start(body, **{"x-forwarded-user": "ann"}))
    assert (job.created_by, job.reason, job.target) == ("ann", "webhook", JobTarget(Scope.STACK, stack_id))


async def test_a_check_has_the_documented_summary(checks: Checks) -> None:
    bench = checks.bench
    new = bench.registry.push("web", "1")
    broken = bench.runs("broken", "none", "1", OLD)
    stack_id = await bench.stack(
        "summed", bench.runs("web", "web", "1", OLD), broken, observed_service("local", None, builds=True)
    )
    services = {service.name: service for service in (await bench.stacks.get(stack_id)).services}
    summary = await checks.summary({"scope": "stack", "stackId": stack_id})
    (failure,) = summary.pop("failures")
    assert (failure["serviceName"], failure["code"]) == ("broken", "image_not_found")
    assert summary == {
        "hostPlatform": "linux/amd64",
        "scope": "stack",
        "stackIds": [stack_id],
        "servicesChecked": 2,
        "servicesSkipped": 1,
        "servicesWithCandidate": 1,
        "servicesFailed": 1,
        "servicesDeferred": 0,
        "newVersions": {
            "count": 1,
            "services": [
                {
                    "stackId": stack_id,
                    "serviceId": services["web"].id,
                    "serviceName": "web",
                    "imageRef": f"{bench.registry.host}/web:1",
                    "currentTag": "1",
                    "currentDigest": OLD,
                    "currentDisplayTag": "1",
                    "candidateTag": "1",
                    "candidateDisplayTag": "1",
                    "candidateDigest": new,
                }
            ],
        },
        "deferrals": [],
    }


async def test_new_versions_have_their_displayed_versions(checks: Checks) -> None:
    bench = checks.bench
    bench.registry.push("named", "latest")
    stack_id = await bench.stack("named", bench.runs("web", "named", "latest", OLD))
    (web,) = (await bench.stacks.get(stack_id)).services
    checks.names[web.id] = ("1.4.0", "1.5.1")
    summary = await checks.summary({"scope": "stack", "stackId": stack_id})
    (new,) = summary["newVersions"]["services"]
    assert (new["currentTag"], new["candidateTag"]) == ("latest", "latest")
    assert (new["currentDisplayTag"], new["candidateDisplayTag"]) == ("1.4.0", "1.5.1")


async def test_a_check_writes_a_log_and_progress(checks: Checks) -> None:
    bench = checks.bench
    bench.registry.push("web", "1")
    stack_id = await bench.stack("told", bench.runs("web", "web", "1", OLD), bench.runs("x", "none", "1"))
    job_id = (await checks.run({"scope": "stack", "stackId": stack_id})).id
    job = (await ask(checks.app, "GET", f"/api/jobs/{job_id}")).json()["job"]
    lines = [line["msg"] for line in job["logs"] if line["level"] != "event"]
    assert lines[0] == "check started"
    assert lines[1].startswith(f"x ({bench.registry.host}/none:1): ")
    assert lines[-1].startswith("check finished: servicesChecked=2 servicesSkipped=0 servicesWithCandidate=1")
    progress = job["progress"]
    progress.pop("updatedAt")
    assert progress == {
        "phase": "done",
        "message": "check finished",
        "current": 2,
        "total": 2,
        "percent": 100,
        "plannedCurrent": 2,
        "plannedTotal": 2,
        "plannedPercent": 100,
    }
    assert job["summary"]["progress"]["phase"] == "done"


async def test_a_check_of_one_service_asks_only_about_it(checks: Checks) -> None:
    bench = checks.bench
    stack_id = await bench.stack("pair", bench.runs("a", "none", "1"), bench.runs("b", "none", "2"))
    (first, _) = (await bench.stacks.get(stack_id)).services
    summary = await checks.summary({"scope": "service", "serviceId": first.id})
    assert (summary["servicesChecked"], summary["stackIds"]) == (1, [stack_id])


async def test_deferred_services_are_in_the_summary(checks: Checks) -> None:
    bench = checks.bench
    async with FakeRegistry() as limited:
        limited.push("web", "1")
        limited.faults.status = 429
        limited.limits.retry_after = "600"
        stack_id = await bench.stack("late", observed_service("web", f"{limited.host}/web:1", running(OLD)))
        summary = await checks.summary({"scope": "stack", "stackId": stack_id})
    assert (summary["servicesDeferred"], summary["servicesFailed"]) == (1, 0)
    (deferral,) = summary["deferrals"]
    assert (deferral["registry"], deferral["services"]) == (limited.host, 1)
    await bench.stack("late")


async def test_an_engine_that_is_away_does_not_stop_a_check(checks: Checks) -> None:
    stack_id = await checks.bench.stack("blind")
    checks.engine_error = DockerError("the engine is away")
    try:
        job = await checks.run({"scope": "stack", "stackId": stack_id})
    finally:
        checks.engine_error = None
    assert job.status is JobStatus.SUCCESS
    logs = await checks.jobs.logs(job.id)
    assert [row.level for row in logs if "the engine is away" in row.message] == [Level.WARN]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"scope": "stack"}, "stackId"),
        ({"scope": "stack", "stackId": " "}, "stackId"),
        ({"scope": "stack", "serviceId": "svc_a"}, "stackId"),
        ({"scope": "service", "stackId": "stk_a"}, "serviceId"),
        ({"scope": "service", "serviceId": None}, "serviceId"),
    ],
)
async def test_a_scope_needs_its_id(checks: Checks, body: dict[str, object], field: str) -> None:
    answer = await checks.post(body)
    error = answer.json()["error"]
    assert (answer.status, error["code"], error["details"]["field"]) == (400, "invalid_argument", field)


@pytest.mark.parametrize(
    ("body", "field", "value"),
    [
        ({"scope": "stack", "stackId": "stk_x"}, "stackId", "stk_x"),
        ({"scope": "service", "serviceId": "svc_x"}, "serviceId", "svc_x"),
        ({"scope": "service", "serviceId": "svc_x", "stackId": "stk_x"}, "stackId", "stk_x"),
    ],
)
async def test_an_unknown_id_is_refused_with_its_field(
    checks: Checks, body: dict[str, str], field: str, value: str
) -> None:
    answer = await checks.post(body)
    error = answer.json()["error"]
    assert (answer.status, error["code"]) == (400, "invalid_argument")
    assert error["details"] == {"field": field, "value": value}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "scope"),
        ({"scope": "everything"}, "scope"),
        ({"scope": None}, "scope"),
        ({"scope": "all", "reason": "boredom"}, "reason"),
        ({"scope": "all", "reason": None}, "reason"),
        ({"scope": "stack", "stackId": 5}, "stackId"),
    ],
)
async def test_a_field_of_the_wrong_kind_is_named(
    checks: Checks, body: dict[str, object], field: str
) -> None:
    answer = await checks.post(body)
    assert answer.status == 400
    assert answer.json()["error"]["details"]["errors"][0]["field"] == field


async def test_only_json_is_accepted(checks: Checks) -> None:
    for headers, body in (({"content-type": "text/plain"}, b'{"scope":"all"}'), ({}, b"{"), ({}, b"")):
        sent = {"content-type": "application/json", **headers}
        answer = await ask(checks.app, "POST", "/api/checks", headers=sent, body=body)
        assert (answer.status, answer.json()["error"]["code"]) == (400, "invalid_argument")


@asynccontextmanager
async def held(checks: Checks) -> AsyncIterator[None]:
    """Checks that start in the block wait for its end."""
    checks.may_look.clear()
    try:
        yield
    finally:
        checks.may_look.set()


async def test_the_same_check_is_not_started_twice(checks: Checks) -> None:
    body = {"scope": "stack", "stackId": await checks.bench.stack("twice")}
    async with held(checks):
        first = await checks.start(body)
        answer = await checks.post(body)
        other = await checks.start({"scope": "stack", "stackId": await checks.bench.stack("other")})
    assert answer.status == 409
    assert answer.json() == {
        "error": {
            "code": "conflict",
            "message": "check already running",
            "details": {"existingJobId": first},
        }
    }
    for job_id in (first, other):
        assert (await checks.ended(job_id)).status is JobStatus.SUCCESS
    assert (await checks.run(body)).status is JobStatus.SUCCESS


async def test_a_scheduled_check_does_not_start_beside_a_check_of_everything(checks: Checks) -> None:
    async with held(checks):
        assert await checks.check_jobs.start_scheduled()
        assert not await checks.check_jobs.start_scheduled()
        (job,) = await checks.jobs.store.unfinished()
    assert (job.created_by, job.reason, job.target) == ("schedule", "schedule", JobTarget(Scope.ALL))
    await checks.ended(job.id)


async def test_start_checks_the_ids(checks: Checks) -> None:
    with pytest.raises(InvalidArgument):
        await checks.check_jobs.start(JobTarget(Scope.SERVICE, service_id="svc_x"), "ann", Reason.UI)


async def test_deferred_services_are_checked_when_due_and_not_too_often(checks: Checks) -> None:
    clock = MovableClock(SystemClock().now())
    deferred = DeferredChecks(checks.check_jobs, checks.bench.images, clock)
    await defer_tag(checks, clock, seconds=60)
    assert not await deferred.tick()
    clock.advance(61)
    async with held(checks):
        assert await deferred.tick()
        (job,) = await checks.jobs.store.unfinished()
    await checks.ended(job.id)
    await defer_tag(checks, clock, seconds=-1)
    assert not await deferred.tick(), "a registry that asks for little is not asked all the time"
    clock.advance(15 * 60)
    assert await deferred.tick()
    for job in await checks.jobs.store.unfinished():
        await checks.ended(job.id)


async def defer_tag(checks: Checks, clock: MovableClock, seconds: float) -> None:
    later = MovableClock(clock.now())
    later.advance(seconds)
    error = CheckError("registry_rate_limited", "later", clock.now(), later.now())
    async with checks.bench.database.write() as connection:
        await checks.bench.images.record(connection, [TagState("r.lan/deferred", "1", error=error)], [])
