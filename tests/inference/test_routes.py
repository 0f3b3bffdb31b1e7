"""The five routes of version inference."""

import asyncio

import orjson
import pytest
from aiohttp import ClientResponse

from dockrev.clock import timestamp
from dockrev.versions.models import InferenceReason, RetentionRun
from tests.fakes.clock import MovableClock
from tests.fakes.registry import FakeRegistry
from tests.inference.api import Api, error_of
from tests.inference.building import APP, digest
from tests.web.asgi import ask

SERVICE = "/api/services/svc_web"
ALL_OK = {"manifestsTimeout": 0, "manifestsError": 0}


async def test_without_a_digest_the_tags_of_the_repository_are_listed(api: Api) -> None:
    answer = await api.get(f"{SERVICE}/digest-tags")
    assert answer.status == 200
    assert answer.json() == {
        "digest": "",
        "tags": [],
        "repoTags": ["1.4.0", "1.4.1", "latest"],
        "scan": {"repoTagsTotal": 3, "repoTagsConsidered": 0, "manifestsOk": 0, **ALL_OK},
    }


async def test_a_full_scan_asks_the_registry_for_the_tags_of_any_digest(api: Api) -> None:
    answer = await api.get(f"{SERVICE}/digest-tags?digest={api.new.upper()}")
    assert answer.json() == {
        "digest": api.new,
        "tags": ["1.4.1", "latest"],
        "repoTags": ["1.4.0", "1.4.1", "latest"],
        "scan": {"repoTagsTotal": 3, "repoTagsConsidered": 3, "manifestsOk": 3, **ALL_OK},
    }


async def test_tags_with_fresh_facts_are_not_asked_again(api: Api, registry: FakeRegistry) -> None:
    first = await api.get(f"{SERVICE}/digest-tags?digest={api.new}")
    registry.forget_counts()
    again = await api.get(f"{SERVICE}/digest-tags?digest={api.old.removeprefix('sha256:')}")
    assert again.json()["tags"] == ["1.4.0"]
    assert first.json()["scan"] == again.json()["scan"]
    assert registry.requests == []


async def test_a_full_scan_asks_known_versions_again_when_no_tag_is_found(
    api: Api, registry: FakeRegistry, clock: MovableClock
) -> None:
    await api.get(f"{SERVICE}/digest-tags?digest={api.new}")
    again = registry.push(APP, "1.4.1", revision="2")
    clock.advance(3600)
    registry.forget_counts()
    answer = await api.get(f"{SERVICE}/digest-tags?digest={again}")
    assert answer.json()["tags"] == ["1.4.1"]
    assert registry.counts["head"] == 1
    replaced = await api.get(f"{SERVICE}/digest-tags?digest={api.new}")
    assert replaced.json()["tags"] == ["latest"]


async def test_a_full_scan_that_runs_out_of_time_answers_with_its_results(
    api: Api, registry: FakeRegistry
) -> None:
    await api.get(f"{SERVICE}/digest-tags")
    await api.engine.run(APP, api.new)
    registry.faults.slow_seconds = 5
    answer = await api.get(f"{SERVICE}/digest-tags?digest={api.new}")
    assert answer.json()["tags"] == ["1.4.1"]
    assert answer.json()["scan"] == {
        "repoTagsTotal": 3,
        "repoTagsConsidered": 3,
        "manifestsOk": 1,
        "manifestsTimeout": 2,
        "manifestsError": 0,
    }


async def test_a_tag_list_that_takes_too_long_is_an_error_that_names_the_step(
    api: Api, registry: FakeRegistry
) -> None:
    registry.faults.slow_seconds = 5
    answer = await api.get(f"{SERVICE}/digest-tags")
    assert error_of(answer) == (500, "internal", "registry timeout")
    assert answer.json()["error"]["details"] == {"op": "list_tags"}


async def test_a_registry_that_fails_is_an_error_with_its_cause(api: Api, registry: FakeRegistry) -> None:
    registry.faults.status = 500
    answer = await api.get(f"{SERVICE}/digest-tags?digest={api.new}")
    assert answer.status == 500
    assert "HTTP 500" in answer.json()["error"]["details"]["cause"]


async def test_manifests_that_fail_are_counted(api: Api, registry: FakeRegistry) -> None:
    await api.get(f"{SERVICE}/digest-tags")
    registry.faults.status = 500
    answer = await api.get(f"{SERVICE}/digest-tags?digest={api.new}")
    assert answer.json()["scan"]["manifestsError"] == 3


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/api/services/svc_none/digest-tags", (404, "not_found", "service not found")),
        (f"{SERVICE}/digest-tags-snapshot", (400, "invalid_argument", "digest: digest is required")),
        (
            f"{SERVICE}/digest-tags-snapshot?digest=%20",
            (400, "invalid_argument", "digest: digest is required"),
        ),
        (
            f"/api/services/svc_none/digest-tags-snapshot?digest={digest('a')}",
            (404, "not_found", "service not found"),
        ),
        (
            f"{SERVICE}/digest-tags-snapshot?digest={digest('unknown')}",
            (404, "not_found", "digest snapshot not found"),
        ),
        (
            "/api/version-inference/overview?status=odd",
            (
                400,
                "invalid_argument",
                "status: must be one of all, running, queued, stale, all_failed, ready",
            ),
        ),
    ],
)
async def test_invalid_requests_are_refused(api: Api, path: str, expected: tuple[int, str, str]) -> None:
    assert error_of(await api.get(path)) == expected


@pytest.mark.parametrize(
    "text",
    ["xyz", "sha256:xyz", "a" * 63, f"sha512:{'a' * 64}", "md5:9dd4e461268c8034f5c8564e155c67a6", "blake3:a"],
)
async def test_every_route_refuses_an_invalid_digest(api: Api, text: str) -> None:
    refusal = (
        400,
        "invalid_argument",
        "digest: not a digest; one is sha256:<64 hex digits> or sha512:<128 hex digits>",
    )
    assert error_of(await api.get(f"{SERVICE}/digest-tags?digest={text}")) == refusal
    assert error_of(await api.snapshot(text)) == refusal
    assert error_of(await api.refresh({"digest": text})) == refusal
    assert not api.engine.queue.tasks


async def test_without_a_snapshot_the_answer_is_pending_and_the_digest_is_enqueued(api: Api) -> None:
    for _ in range(2):
        answer = await api.snapshot(api.old)
        assert answer.status == 202
        assert answer.json() == {"status": "pending", "digest": api.old, "retryAfterMs": 800}
    (task,) = api.engine.queue.tasks
    assert task.reason is InferenceReason.API_SNAPSHOT_READ_MISS


async def test_a_stored_snapshot_is_shown(api: Api) -> None:
    await api.engine.run(APP, api.new)
    answer = await api.snapshot(api.new.removeprefix("sha256:").upper())
    assert answer.status == 200
    assert answer.json() == {
        "digest": api.new,
        "tags": ["1.4.1"],
        "checkedAt": timestamp(api.engine.clock.now()),
        "scan": {"repoTagsTotal": 3, "repoTagsConsidered": 1, "manifestsOk": 1, **ALL_OK},
    }


async def test_only_a_lookup_of_the_operator_hides_the_snapshot(api: Api, clock: MovableClock) -> None:
    await api.engine.run(APP, api.new)
    clock.advance(30 * 86_400)
    await api.engine.enqueue(APP, api.new, InferenceReason.CACHE_STALE)
    assert (await api.snapshot(api.new)).status == 200
    await api.refresh({"digest": api.new})
    assert (await api.snapshot(api.new)).status == 202
    await api.engine.worker.work_once()
    assert (await api.snapshot(api.new)).status == 200


async def test_a_second_refresh_finds_the_queued_task(api: Api) -> None:
    answer = await api.refresh({"digest": api.old})
    assert answer.status == 202
    expected = {
        "status": "pending",
        "serviceId": "svc_web",
        "imageRepo": api.engine.repository(APP),
        "digest": api.old,
        "reason": "force",
    }
    assert answer.json() == expected
    assert (await api.refresh({"digest": api.old})).json() == expected | {"reason": "running"}


async def test_a_refresh_upgrades_a_queued_task(api: Api) -> None:
    await api.snapshot(api.old)
    assert (await api.refresh({"digest": api.old})).json()["reason"] == "running"
    assert [task.reason for task in api.engine.queue.tasks] == [InferenceReason.FORCE]


@pytest.mark.parametrize("body", [None, {}, {"digest": ""}, {"digest": "  "}, {"digest": None}])
async def test_a_refresh_needs_a_digest(api: Api, body: object) -> None:
    assert error_of(await api.refresh(body)) == (400, "invalid_argument", "digest: digest is required")


async def test_a_refresh_without_a_body_needs_a_digest(api: Api) -> None:
    answer = await ask(api.app, "POST", f"{SERVICE}/version-inference/refresh")
    assert error_of(answer) == (400, "invalid_argument", "digest: digest is required")


async def test_a_refresh_with_an_invalid_body_is_refused(api: Api) -> None:
    answer = await ask(
        api.app,
        "POST",
        f"{SERVICE}/version-inference/refresh",
        body=b"{",
        headers={"content-type": "application/json"},
    )
    assert answer.status == 400
    assert (await api.refresh({"digest": 7})).status == 400


async def test_a_refresh_for_an_unknown_digest_or_service_is_not_found(api: Api) -> None:
    foreign = await api.refresh({"digest": digest("foreign")})
    assert error_of(foreign) == (404, "not_found", "digest snapshot not found")
    unknown = await api.refresh({"digest": api.old}, service="svc_none")
    assert error_of(unknown) == (404, "not_found", "service not found")


async def test_an_empty_overview_has_the_documented_shape(api: Api) -> None:
    answer = await api.get("/api/version-inference/overview")
    assert answer.json() == {
        "worker": {"maxConcurrency": 2, "queued": 0, "running": 0, "inFlight": 0, "dropped": 0},
        "gc": {"retentionDays": 30, "intervalSeconds": 86400},
        "summary": {
            "snapshotsTotal": 0,
            "queued": 0,
            "running": 0,
            "ready": 0,
            "stale": 0,
            "allFailed": 0,
        },
        "registries": [],
        "tasks": [],
        "rows": [],
        "page": 1,
        "perPage": 50,
        "total": 0,
    }


async def test_a_blank_page_of_the_overview_is_the_first(api: Api) -> None:
    shown = (await api.get("/api/version-inference/overview?page=&perPage=%20&q=&status=")).json()
    assert (shown["page"], shown["perPage"]) == (1, 50)


async def test_the_overview_shows_rows_tasks_retention_and_request_counts(
    api: Api, clock: MovableClock
) -> None:
    await api.engine.run(APP, api.new)
    clock.advance(60)
    await api.refresh({"digest": api.old})
    await api.engine.versions.record_retention(RetentionRun(clock.now(), 3, 12, "the disk is full"))
    now, repo = timestamp(clock.now()), api.engine.repository(APP)
    shown = (await api.get("/api/version-inference/overview?perPage=900&page=0")).json()
    assert shown["gc"] == {
        "retentionDays": 30,
        "intervalSeconds": 86400,
        "lastRunAt": now,
        "lastDeleted": 3,
        "lastDurationMs": 12,
        "lastError": "the disk is full",
    }
    assert shown["tasks"] == [
        {
            "key": f"{repo}@{api.old}@linux/amd64",
            "imageRepo": repo,
            "hostPlatform": "linux/amd64",
            "status": "queued",
            "reason": "force",
            "enqueuedAt": now,
            "updatedAt": now,
        }
    ]
    (row,) = shown["rows"]
    assert (row["key"], row["status"], row["reason"]) == (f"{repo}@linux/amd64", "queued", "force")
    assert (row["serviceCount"], row["updatedAt"]) == (1, now)
    assert (shown["summary"]["snapshotsTotal"], shown["summary"]["queued"]) == (1, 1)
    assert (shown["page"], shown["perPage"], shown["total"]) == (1, 200, 1)
    assert shown["registries"] == [{"host": api.engine.registry.host, "requests24h": api.engine.asked}], (
        api.engine.registry.requests
    )


async def test_a_filter_applies_to_rows_but_not_to_the_summary(api: Api) -> None:
    await api.engine.run(APP, api.new)
    shown = (await api.get("/api/version-inference/overview?q=%20ACME%20&status=all")).json()
    assert shown["total"] == 1
    shown = (await api.get("/api/version-inference/overview?status=queued")).json()
    assert (shown["total"], shown["rows"], shown["summary"]["ready"]) == (0, [], 1)


async def test_a_running_task_shows_its_progress(api: Api, registry: FakeRegistry) -> None:
    await api.engine.enqueue(APP, api.old)
    registry.latency_seconds = 0.05
    async with asyncio.TaskGroup() as group:
        group.create_task(api.engine.worker.work_once())
        await registry.until(lambda: registry.counts["head"] >= 2 or registry.counts["tags"] >= 1)
        shown = (await api.get("/api/version-inference/overview")).json()
    (row,), (task,) = shown["rows"], shown["tasks"]
    assert row["status"] == "running"
    assert row["progress"] == task["progress"]
    counted = {
        f"{what}{which}" for what in ("assigned", "result") for which in ("Current", "Total", "Percent")
    }
    assert set(row["progress"]) == counted | {"phase", "message", "current", "total", "percent", "updatedAt"}


async def event(response: ClientResponse) -> tuple[str, dict[str, object]]:
    """Returns the next event as (id, data)."""
    event_id = ""
    async for line in response.content:
        text = line.decode().strip()
        if text.startswith("id: "):
            event_id = text.removeprefix("id: ")
        if text.startswith("event: "):
            assert text == "event: version_inference_event"
        if text.startswith("data: "):
            return event_id, orjson.loads(text.removeprefix("data: "))
    raise AssertionError("the stream ended")


async def test_a_stream_begins_with_the_next_event(api: Api) -> None:
    await api.snapshot(api.old)
    async with api.stream() as response:
        await api.refresh({"digest": api.new})
        event_id, data = await event(response)
        assert (event_id, data["type"], data["digest"]) == ("2", "task_enqueued", api.new)
        api.shutdown.begin()


async def test_events_resume_after_the_larger_of_both_ids(api: Api) -> None:
    for digest_ in (api.old, api.new):
        await api.snapshot(digest_)
    async with api.stream("?afterId=1", **{"Last-Event-ID": "0"}) as response:
        assert (await event(response))[0] == "2"
        api.shutdown.begin()
