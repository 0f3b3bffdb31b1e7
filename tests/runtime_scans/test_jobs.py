"""Runtime scan jobs, from the route to the summary."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
import pytest_asyncio

from dockrev.errors import DockerError
from dockrev.jobs.models import JobStatus, JobTarget, Level, Scope
from dockrev.versions.models import ScanCounts
from dockrev.versions.observe import Observation
from tests.runtime_scans.scans import Scans
from tests.stacks.building import NEW, OLD, snapshot

ALL = {"scope": "all"}


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def opened(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scans]:
    async with Scans.open(tmp_path_factory.mktemp("scans")) as scans:
        yield scans


@pytest_asyncio.fixture(loop_scope="module")
async def scans(opened: Scans) -> Scans:
    await opened.forget()
    return opened


async def test_a_scan_needs_no_more_than_a_scope(scans: Scans) -> None:
    answer = await scans.post(ALL, **{"x-forwarded-user": "ann"})

    job = await scans.ended(answer.json()["jobId"])
    assert answer.json() == {"jobId": job.id}
    assert job.id.startswith("job_")
    assert (job.type, job.target, job.reason, job.created_by) == (
        "runtime_scan",
        JobTarget(Scope.ALL),
        "ui",
        "ann",
    )


async def test_a_host_on_which_nothing_changed_has_the_documented_summary(scans: Scans) -> None:
    bench = scans.bench
    stack_id = await scans.stack("blog", bench.runs("web", "app", "1", OLD), bench.runs("idle", "app", "1"))

    job = await scans.run(ALL)

    assert job.status is JobStatus.SUCCESS
    assert job.summary == {
        "hostPlatform": "linux/amd64",
        "scope": "all",
        "stackIds": [stack_id],
        "stacksScanned": 1,
        "stacksWithErrors": 0,
        "servicesWithRuntimeDigest": 1,
        "servicesDrifted": 0,
        "servicesUpdated": 0,
    }
    assert not bench.registry.requests


async def test_a_changed_service_is_looked_up_and_reported(scans: Scans) -> None:
    bench = scans.bench
    newest = bench.registry.push("app", "1")
    before = bench.runs("web", "app", "1", OLD)
    stack_id = await scans.stack("blog", before, bench.runs("db", "db", "1", OLD))
    scans.happens = lambda: bench.stack(
        "blog", bench.runs("web", "app", "1", NEW), bench.runs("db", "db", "1", OLD)
    )

    job = await scans.run(ALL)

    (event,) = await scans.events(job.id, "runtime_scan_service")
    assert event == {
        "type": "runtime_scan_service",
        "jobId": job.id,
        "ts": event["ts"],
        "stackId": stack_id,
        "serviceId": await scans.service_id("web"),
        "serviceName": "web",
        "imageRef": before.image_ref,
        "rawTag": "1",
        "runtimeDigest": NEW,
        "dbDigestBefore": OLD,
        "updated": {"currentDigest": NEW, "resolvedTag": None, "resolvedTags": None},
        "changed": True,
        "inferenceOk": True,
    }
    assert (job.summary["servicesDrifted"], job.summary["servicesUpdated"]) == (1, 1)
    states = await bench.states()
    candidate = states["web"].candidate
    assert candidate is not None
    assert candidate.digest == newest
    assert states["db"].checked_at is None


@pytest.mark.parametrize(
    ("name", "tags", "failures", "told"),
    [
        ("named", ("1.5.1",), 0, ("1.5.1", None, True)),
        ("twice", ("v1.5.1", "1.5.1"), 0, ("v1.5.1", ["v1.5.1", "1.5.1"], True)),
        ("lost", (), 1, (None, None, False)),
    ],
)
async def test_the_known_version_of_the_new_image_is_reported(
    scans: Scans,
    name: str,
    tags: tuple[str, ...],
    failures: int,
    told: tuple[str | None, list[str] | None, bool],
) -> None:
    bench = scans.bench
    repository, now = f"{bench.registry.host}/{name}", datetime.now(UTC)
    offered = bench.registry.push(name, "latest")
    known = [
        snapshot(digest, *tags, repository=repository, checked_at=now, scan=ScanCounts(error=failures))
        for digest in (OLD, NEW, offered)
    ]
    await bench.versions.learn(Observation(repository, snapshots=known))
    await scans.stack("blog", bench.runs("web", name, "latest", OLD))
    scans.happens = lambda: bench.stack("blog", bench.runs("web", name, "latest", NEW))

    job = await scans.run(ALL)

    (event,) = await scans.events(job.id, "runtime_scan_service")
    updated = event["updated"]
    assert (updated["resolvedTag"], updated["resolvedTags"], event["inferenceOk"]) == told


async def test_a_service_that_was_started_has_no_digest_before(scans: Scans) -> None:
    bench = scans.bench
    digest = bench.registry.push("app", "1")
    await scans.stack("blog", bench.runs("web", "app", "1"))
    scans.happens = lambda: bench.stack("blog", bench.runs("web", "app", "1", digest))

    job = await scans.run(ALL)

    (event,) = await scans.events(job.id, "runtime_scan_service")
    assert (event["dbDigestBefore"], event["runtimeDigest"], event["changed"]) == (None, digest, True)


async def test_stopped_and_new_services_have_not_drifted(scans: Scans) -> None:
    bench = scans.bench
    await scans.stack("blog", bench.runs("web", "app", "1", OLD))

    async def change() -> None:
        await bench.stack("blog", bench.runs("web", "app", "1"))
        await bench.stack("shop", bench.runs("till", "app", "1", NEW))

    scans.happens = change

    job = await scans.run(ALL)

    assert (job.summary["servicesDrifted"], job.summary["stacksScanned"]) == (0, 2)
    assert not bench.registry.requests


async def test_a_change_that_is_already_stored_is_reported_once(scans: Scans) -> None:
    bench = scans.bench
    newest = bench.registry.push("app", "1")
    await scans.stack("blog", bench.runs("web", "app", "1", OLD))
    await bench.stack("blog", bench.runs("web", "app", "1", newest))

    first, second = await scans.run(ALL), await scans.run(ALL)

    assert (first.summary["servicesDrifted"], second.summary["servicesDrifted"]) == (1, 0)
    assert (await bench.states())["web"].candidate is None


async def test_a_manual_update_does_not_show_the_old_image_as_an_update(scans: Scans) -> None:
    bench = scans.bench
    known = bench.registry.push("app", "1")
    await scans.stack("blog", bench.runs("web", "app", "1", OLD))
    await bench.check()
    newest = bench.registry.push("app", "1", revision="2")
    await bench.stack("blog", bench.runs("web", "app", "1", newest))
    stale = (await bench.states())["web"].candidate

    await scans.run(ALL)

    assert stale is not None
    assert stale.digest == known
    assert (await bench.states())["web"].candidate is None


async def test_only_the_services_of_the_target_are_scanned_and_looked_up(scans: Scans) -> None:
    bench = scans.bench
    bench.registry.push("app", "1")
    blog = await scans.stack("blog", bench.runs("web", "app", "1", OLD), bench.runs("db", "app", "1", OLD))
    await scans.stack("shop", bench.runs("till", "app", "1", OLD))
    scans.happens = lambda: _moved(scans)

    job = await scans.run({"scope": "service", "serviceId": await scans.service_id("web")})

    assert job.summary["stackIds"] == [blog]
    assert (job.summary["servicesWithRuntimeDigest"], job.summary["servicesDrifted"]) == (1, 1)
    (event,) = await scans.events(job.id, "runtime_scan_service")
    assert event["serviceName"] == "web"


async def _moved(scans: Scans) -> None:
    bench = scans.bench
    await bench.stack("blog", bench.runs("web", "app", "1", NEW), bench.runs("db", "app", "1", NEW))
    await bench.stack("shop", bench.runs("till", "app", "1", NEW))


async def test_a_stack_scan_covers_only_that_stack(scans: Scans) -> None:
    bench = scans.bench
    bench.registry.push("app", "1")
    await scans.stack("blog", bench.runs("web", "app", "1", OLD), bench.runs("db", "app", "1", OLD))
    shop = await scans.stack("shop", bench.runs("till", "app", "1", OLD))
    scans.happens = lambda: _moved(scans)

    job = await scans.run({"scope": "stack", "stackId": shop})

    assert (job.summary["stackIds"], job.summary["servicesDrifted"]) == ([shop], 1)


async def test_the_start_and_the_end_are_events(scans: Scans) -> None:
    stack_id = await scans.stack("blog", scans.bench.runs("web", "app", "1", OLD))

    job = await scans.run({"scope": "stack", "stackId": stack_id, "reason": "schedule"})

    (started,) = await scans.events(job.id, "runtime_scan_started")
    (finished,) = await scans.events(job.id, "runtime_scan_finished")
    assert {key: started[key] for key in started.keys() - {"type", "jobId", "ts"}} == {
        "scope": "stack",
        "stackId": stack_id,
        "serviceId": None,
        "reason": "schedule",
        "hostPlatform": "linux/amd64",
    }
    assert finished["summary"] == job.summary
    assert "status" not in finished


async def test_the_job_ends_with_its_final_progress(scans: Scans) -> None:
    await scans.stack("blog", scans.bench.runs("web", "app", "1", OLD))

    job = await scans.run(ALL)

    assert job.progress is not None
    assert {key: job.progress[key] for key in ("phase", "message", "current", "total", "percent")} == {
        "phase": "done",
        "message": "runtime scan finished",
        "current": 1,
        "total": 1,
        "percent": 100,
    }


async def test_an_unreadable_stack_is_counted_and_logged_and_the_others_are_scanned(
    scans: Scans,
) -> None:
    bench = scans.bench
    blog = await scans.stack("blog", bench.runs("web", "app", "1", OLD))
    await scans.stack("shop", bench.runs("till", "app", "1", OLD))
    scans.wrong = {blog: "compose_file_unreadable: /srv/blog/compose.yaml"}

    job = await scans.run(ALL)

    assert job.status is JobStatus.SUCCESS
    assert (job.summary["stacksScanned"], job.summary["stacksWithErrors"]) == (2, 1)
    assert await scans.lines(job.id, Level.WARN) == ["blog: compose_file_unreadable: /srv/blog/compose.yaml"]


async def test_an_unreachable_engine_fails_the_scan_with_its_message(scans: Scans) -> None:
    scans.engine_error = DockerError("The Docker engine does not answer.")

    job = await scans.run(ALL)

    (finished,) = await scans.events(job.id, "runtime_scan_finished")
    assert job.status is JobStatus.FAILED
    assert job.summary == {"error": "The Docker engine does not answer."}
    assert (finished["status"], finished["summary"]) == ("failed", job.summary)


async def test_a_failing_registry_is_logged_and_does_not_fail_the_scan(scans: Scans) -> None:
    bench = scans.bench
    bench.registry.fail("broken").status = 500
    await scans.stack("blog", bench.runs("web", "broken", "1", OLD))
    scans.happens = lambda: bench.stack("blog", bench.runs("web", "broken", "1", NEW))

    job = await scans.run(ALL)

    (warning,) = await scans.lines(job.id, Level.WARN)
    assert job.status is JobStatus.SUCCESS
    assert (job.summary["servicesDrifted"], job.summary["servicesUpdated"]) == (1, 1)
    assert warning.startswith(f"web ({bench.registry.host}/broken:1): ")


async def test_the_same_scan_twice_is_a_conflict_and_another_scope_is_not(scans: Scans) -> None:
    stack_id = await scans.stack("blog")
    scans.may_look.clear()
    running = await scans.start(ALL)

    again = await scans.post(ALL)
    other = await scans.start({"scope": "stack", "stackId": stack_id})
    scans.may_look.set()

    assert again.status == 409
    assert again.json()["error"] == {
        "code": "conflict",
        "message": "runtime scan already running",
        "details": {"existingJobId": running},
    }
    assert {(await scans.ended(one)).status for one in (running, other)} == {JobStatus.SUCCESS}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"scope": "stack"}, "stackId"),
        ({"scope": "service", "serviceId": "  "}, "serviceId"),
        ({"scope": "stack", "stackId": "stk_unknown"}, "stackId"),
        ({"scope": "service", "serviceId": "svc_unknown"}, "serviceId"),
    ],
)
async def test_a_missing_or_unknown_id_is_refused(scans: Scans, body: object, field: str) -> None:
    answer = await scans.post(body)

    assert answer.status == 400
    assert answer.json()["error"]["details"]["field"] == field
    assert not await scans.jobs.store.unfinished()


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "scope"),
        ({"scope": "everything"}, "scope"),
        ({"scope": "all", "reason": "webhook"}, "reason"),
    ],
)
async def test_invalid_values_are_refused(scans: Scans, body: object, field: str) -> None:
    answer = await scans.post(body)

    assert answer.status == 400
    assert answer.json()["error"]["details"]["errors"][0]["field"] == field
