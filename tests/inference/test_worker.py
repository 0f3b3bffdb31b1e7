"""Lookups against a fake registry: requests, results and failures."""

import asyncio
from pathlib import Path

import orjson
import pytest

from dockrev.errors import StorageError
from dockrev.images.models import ImageFacts
from dockrev.oci.digest import Digest
from dockrev.oci.manifest import Child
from dockrev.versions.models import InferenceReason, Lookup, TaskStatus
from tests.fakes.clock import MovableClock
from tests.fakes.registry import FakeRegistry
from tests.inference.building import AMD64, APP, Engine, digest, release


def events_of(engine: Engine, kind: str) -> list[dict[str, object]]:
    return [
        document for event in engine.events.kept if (document := orjson.loads(event.data))["type"] == kind
    ]


async def test_an_unknown_candidate_costs_the_tag_list_and_one_head(
    engine: Engine, registry: FakeRegistry
) -> None:
    old, new = release(registry, "1.4.0", "1.4.1")
    engine.services.run(f"{registry.host}/{APP}", old, new)
    await engine.checked(APP, "latest", new)
    snapshot = await engine.run(APP, new)
    assert snapshot.tags == ("1.4.1", "latest")
    assert registry.counts["tags"] == 1
    assert registry.counts["head"] == 1


async def test_the_running_digest_is_found_in_the_same_list(engine: Engine, registry: FakeRegistry) -> None:
    old, new = release(registry, "1.3.0", "1.4.0", "1.4.1")[1:]
    engine.services.run(f"{registry.host}/{APP}", old, new)
    await engine.run(APP, new)
    registry.forget_counts()
    assert (await engine.run(APP, old)).tags == ("1.4.0",)
    assert engine.asked == 1


async def test_a_correct_label_is_proved_by_one_head(engine: Engine, registry: FakeRegistry) -> None:
    old, _ = release(registry, "v1.4.0", "v1.4.1")
    engine.services.run(f"{registry.host}/{APP}", old, None, "v1.4.0")
    assert (await engine.run(APP, old)).tags == ("v1.4.0",)
    assert registry.requests[-1] == f"HEAD /v2/{APP}/manifests/v1.4.0"
    assert engine.asked == 1


async def test_a_wrong_label_costs_two_heads_and_the_version_is_still_found(
    engine: Engine, registry: FakeRegistry
) -> None:
    old, _ = release(registry, "1.4.0", "1.4.1")
    engine.services.run(f"{registry.host}/{APP}", old, None, "1.4.1")
    assert (await engine.run(APP, old)).tags == ("1.4.0",)
    assert engine.asked <= 4


async def test_a_known_digest_costs_no_request_also_after_a_restart(
    tmp_path: Path, clock: MovableClock, registry: FakeRegistry
) -> None:
    old, new = release(registry, "1.4.0", "1.4.1")
    async with Engine.open(tmp_path, clock, registry) as engine:
        engine.services.run(f"{registry.host}/{APP}", old, new)
        await engine.run(APP, new)
        await engine.run(APP, old)
        services = engine.services
    registry.forget_counts()
    clock.advance(3600)
    async with Engine.open(tmp_path, clock, registry, services) as again:
        assert (await again.run(APP, new)).tags == ("1.4.1",)
        assert (await again.run(APP, old)).tags == ("1.4.0",)
        assert again.asked == 0


async def test_a_fact_of_last_week_is_asked_again_and_not_learned_again(
    engine: Engine, registry: FakeRegistry, clock: MovableClock
) -> None:
    old, new = release(registry, "1.4.0", "1.4.1")
    engine.services.run(f"{registry.host}/{APP}", old, new)
    first = await engine.run(APP, old)
    registry.forget_counts()
    clock.advance(8 * 86_400)
    again = await engine.run(APP, old, InferenceReason.CACHE_STALE)
    assert again.tags == first.tags
    assert again.checked_at == clock.now()
    assert registry.requests == [f"HEAD /v2/{APP}/manifests/1.4.0"]


async def test_a_version_that_was_pushed_again_is_removed_from_its_old_digest(
    engine: Engine, registry: FakeRegistry, clock: MovableClock
) -> None:
    old, new = release(registry, "1.4.0", "1.4.1")
    engine.services.run(f"{registry.host}/{APP}", old, new)
    await engine.run(APP, old)
    registry.push(APP, "1.4.0", revision="2")
    clock.advance(8 * 86_400)
    again = await engine.run(APP, old, InferenceReason.CACHE_STALE)
    assert again.tags == ()
    assert again.former == ("1.4.0",)


@pytest.mark.parametrize(
    ("reason", "checked"), [(InferenceReason.NEW_VERSION, True), (InferenceReason.FORCE, False)]
)
async def test_a_version_that_was_pushed_again_a_short_time_ago_is_found(
    engine: Engine, registry: FakeRegistry, clock: MovableClock, reason: InferenceReason, checked: bool
) -> None:
    before, old = release(registry, "1.5.0", "1.5.1")
    engine.services.run(f"{registry.host}/{APP}", before, old)
    await engine.checked(APP, "latest", old)
    await engine.run(APP, old)
    await engine.run(APP, before)
    new = registry.push(APP, "1.5.1", revision="2")
    registry.retag(APP, "latest", new)
    clock.advance(3600)
    engine.services.images.clear()
    engine.services.run(f"{registry.host}/{APP}", old, new)
    if checked:
        await engine.checked(APP, "latest", new)
    registry.forget_counts()
    assert "1.5.1" in (await engine.run(APP, new, reason)).tags
    assert (registry.counts["tags"], registry.counts["head"]) == (1, 1)
    known = await engine.versions.known([(engine.repository(APP), old)])
    assert "1.5.1" not in known.tags_of(engine.key(APP, old))
    former = await engine.versions.snapshot(engine.key(APP, old))
    assert former is not None
    assert "1.5.1" in former.former


async def test_signatures_branches_and_short_versions_are_not_asked(
    engine: Engine, registry: FakeRegistry
) -> None:
    old, new = release(registry, "1.4.0", "1.4.1")
    for tag in ("nightly", "sha-0a1b2c3", f"sha256-{'0' * 64}.sig", "edge", "pr-17"):
        registry.push(APP, tag)
    registry.retag(APP, "1.4", new)
    registry.retag(APP, "1", new)
    engine.services.run(f"{registry.host}/{APP}", old)
    await engine.run(APP, old)
    heads = {line.rpartition("/")[2] for line in registry.requests if line.startswith("HEAD")}
    assert heads == {"1.4.1", "1.4.0"}


async def test_the_family_of_the_raw_tag_is_asked_first(engine: Engine, registry: FakeRegistry) -> None:
    release(registry, "1.4.0", "1.4.1")
    slim, _ = release(registry, "1.4.0-alpine", "1.4.1-alpine")
    engine.services.run(f"{registry.host}/{APP}:alpine", slim)
    assert (await engine.run(APP, slim)).tags == ("1.4.0-alpine",)
    heads = [line.rpartition("/")[2] for line in registry.requests if line.startswith("HEAD")]
    assert heads[:2] == ["1.4.1-alpine", "1.4.0-alpine"]


async def test_the_other_spelling_of_the_version_is_found_too(engine: Engine, registry: FakeRegistry) -> None:
    _, new = release(registry, "1.4.0", "1.4.1")
    registry.retag(APP, "v1.4.1", new)
    engine.services.run(f"{registry.host}/{APP}", None, new)
    assert set((await engine.run(APP, new)).tags) == {"1.4.1", "v1.4.1"}


async def test_a_digest_without_a_version_is_given_up_after_forty_heads(
    engine: Engine, registry: FakeRegistry
) -> None:
    release(registry, *(f"1.{minor}.0" for minor in range(60)))
    lost = digest("a build that no tag names any more")
    engine.services.run(f"{registry.host}/{APP}", lost)
    snapshot = await engine.run(APP, lost)
    assert registry.counts["head"] == 40
    assert (snapshot.tags, snapshot.all_failed) == ((), False)
    assert (snapshot.scan.total, snapshot.scan.considered) == (61, 40)


async def test_a_platform_manifest_is_found_through_its_index(engine: Engine, registry: FakeRegistry) -> None:
    release(registry, "1.4.0", "1.4.1")
    index = Digest(registry.content(APP).tags["1.4.0"])
    child = next(
        Digest(child_digest) for child_digest in registry.content(APP).manifests if child_digest != index
    )
    await engine.checked(APP, "old", index, [ImageFacts(index, (Child(AMD64, child),))])
    engine.services.run(f"{registry.host}/{APP}", child)
    assert "1.4.0" in (await engine.run(APP, child)).tags


async def test_a_failed_tag_list_gives_an_all_failed_snapshot(engine: Engine, registry: FakeRegistry) -> None:
    old, _ = release(registry, "1.4.0", "1.4.1")
    engine.services.run(f"{registry.host}/{APP}", old)
    registry.faults.status = 500
    snapshot = await engine.run(APP, old)
    assert snapshot.all_failed
    assert (snapshot.scan.total, snapshot.scan.considered, snapshot.scan.error) == (0, 0, 1)
    assert events_of(engine, "task_finished")[-1]["allFailed"] is True


async def test_failures_of_all_tags_give_an_all_failed_snapshot_whatever_a_check_saw(
    engine: Engine, registry: FakeRegistry
) -> None:
    old, new = release(registry, "1.4.0", "1.4.1")
    engine.services.run(f"{registry.host}/{APP}", old, new)
    await engine.checked(APP, "latest", new)
    registry.faults.head_status = 500
    snapshot = await engine.run(APP, new)
    assert snapshot.all_failed
    assert (snapshot.scan.total, snapshot.scan.ok, snapshot.scan.error) == (3, 0, 2)


async def test_a_failure_never_replaces_a_known_version(
    engine: Engine, registry: FakeRegistry, clock: MovableClock
) -> None:
    old, _ = release(registry, "1.4.0", "1.4.1")
    engine.services.run(f"{registry.host}/{APP}", old)
    before = await engine.run(APP, old)
    clock.advance(8 * 86_400)
    registry.faults.status = 500
    assert await engine.run(APP, old, InferenceReason.CACHE_STALE) == before
    waiting = engine.task(APP, old)
    assert waiting is not None
    assert waiting.status is TaskStatus.QUEUED
    assert waiting.not_before is not None
    assert (waiting.not_before - clock.now()).total_seconds() == 600


async def test_a_failed_refresh_reports_the_error_and_keeps_the_known_version(
    engine: Engine, registry: FakeRegistry, clock: MovableClock
) -> None:
    old, _ = release(registry, "1.4.0", "1.4.1")
    engine.services.run(f"{registry.host}/{APP}", old)
    before = await engine.run(APP, old)
    clock.advance(1)
    registry.faults.status = 500
    assert await engine.run(APP, old, InferenceReason.FORCE) == before
    finished = events_of(engine, "task_finished")[-1]
    assert finished["status"] == "error"
    assert "HTTP 500" in str(finished["error"])
    assert not engine.queue.tasks


async def test_a_registry_that_limits_requests_defers_the_task(
    engine: Engine, registry: FakeRegistry, clock: MovableClock
) -> None:
    old, _ = release(registry, "1.4.0", "1.4.1")
    engine.services.run(f"{registry.host}/{APP}", old)
    registry.faults.status, registry.limits.retry_after = 429, "120"
    await engine.enqueue(APP, old)
    await engine.worker.work_once()
    waiting = engine.task(APP, old)
    assert waiting is not None
    assert waiting.not_before is not None
    assert (waiting.not_before - clock.now()).total_seconds() == 120
    assert await engine.versions.snapshot(engine.key(APP, old)) is None
    registry.heal()
    clock.advance(121)
    await engine.worker.work_once()
    assert not engine.queue.tasks


async def test_a_refresh_reads_the_list_again_and_asks_the_known_tag_again(
    engine: Engine, registry: FakeRegistry, clock: MovableClock
) -> None:
    old, _ = release(registry, "1.4.0", "1.4.1")
    engine.services.run(f"{registry.host}/{APP}", old)
    await engine.run(APP, old)
    registry.retag(APP, "v1.4.0", old)
    registry.forget_counts()
    clock.advance(60)
    snapshot = await engine.run(APP, old, InferenceReason.FORCE)
    assert set(snapshot.tags) == {"1.4.0", "v1.4.0"}
    assert registry.counts["tags"] == 1


async def test_a_digest_that_no_service_uses_any_more_is_not_looked_up(
    engine: Engine, registry: FakeRegistry
) -> None:
    await engine.enqueue(APP, digest("gone"))
    await engine.worker.work_once()
    assert engine.asked == 0
    assert events_of(engine, "task_finished")[-1]["status"] == "error"


async def test_two_lookups_in_one_repository_run_one_after_the_other(
    engine: Engine, registry: FakeRegistry
) -> None:
    old, new = release(registry, "1.4.0", "1.4.1")
    engine.services.run(f"{registry.host}/{APP}", old, new)
    keys = [engine.key(APP, content) for content in (new, old)]
    await engine.queue.enqueue(Lookup(each, InferenceReason.CACHE_MISS) for each in keys)
    async with asyncio.TaskGroup() as group:
        group.create_task(engine.worker.work_once())
        group.create_task(engine.worker.work_once())
    assert registry.counts["tags"] == 1
    assert not engine.queue.tasks


async def test_a_lookup_does_not_ask_every_tag_of_a_large_repository(
    engine: Engine, registry: FakeRegistry
) -> None:
    versions = [
        f"{major}.{minor}.{patch}" for major in range(10) for minor in range(20) for patch in range(25)
    ]
    image = registry.push(APP, versions[0])
    for version in versions:
        registry.retag(APP, version, image)
    newest = registry.push(APP, "10.0.0")
    engine.services.run(f"{registry.host}/{APP}", None, newest)
    assert (await engine.run(APP, newest)).tags == ("10.0.0",)
    assert engine.asked <= 8


async def test_the_progress_of_a_lookup_has_phases(engine: Engine, registry: FakeRegistry) -> None:
    old, new = release(registry, "1.4.0", "1.4.1")
    engine.services.run(f"{registry.host}/{APP}", old)
    await engine.run(APP, old)
    phases = [document["phase"] for document in events_of(engine, "task_progress")]
    assert list(dict.fromkeys(phases)) == ["prepare", "listing_tags", "scanning", "persist"]
    progress = events_of(engine, "task_progress")
    last = [event for event in progress if event["phase"] == "scanning"][-1]
    assert (last["assignedCurrent"], last["resultCurrent"], last["message"]) == (
        2,
        2,
        "scanning manifests (2/2)",
    )
    assert new != old


async def test_a_release_minutes_after_the_last_lookup_is_found(
    engine: Engine, registry: FakeRegistry, clock: MovableClock
) -> None:
    """The fresh list does not have the new tag yet."""
    _, new = release(registry, "1.4.0", "1.4.1")
    engine.services.run(f"{registry.host}/{APP}", None, new)
    await engine.run(APP, new)
    clock.advance(60)
    (newer,) = release(registry, "1.4.2")
    engine.services.images.clear()
    engine.services.run(f"{registry.host}/{APP}", new, newer)
    await engine.checked(APP, "latest", newer)
    registry.forget_counts()
    assert (await engine.run(APP, newer)).tags == ("1.4.2", "latest")
    assert engine.asked == 2
    assert (await engine.run(APP, new)).tags == ("1.4.1",)
    assert engine.asked == 2


async def test_the_next_process_finishes_an_interrupted_task(
    tmp_path: Path, clock: MovableClock, registry: FakeRegistry
) -> None:
    old, _ = release(registry, "1.4.0", "1.4.1")
    registry.latency_seconds = 30
    async with Engine.open(tmp_path, clock, registry) as engine:
        engine.services.run(f"{registry.host}/{APP}", old)
        await engine.enqueue(APP, old)
        async with asyncio.TaskGroup() as group:
            running = group.create_task(engine.worker.run())
            await registry.until(lambda: bool(registry.requests))
            running.cancel()
        services = engine.services
    registry.latency_seconds = 0
    async with Engine.open(tmp_path, clock, registry, services) as again:
        (task,) = again.queue.tasks
        assert task.status is TaskStatus.QUEUED
        await again.worker.work_once()
        snapshot = await again.versions.snapshot(again.key(APP, old))
        assert snapshot is not None
        assert snapshot.tags == ("1.4.0",)


async def test_the_worker_completes_every_task_of_the_queue(engine: Engine, registry: FakeRegistry) -> None:
    paths = [f"acme/app-{number}" for number in range(5)]
    for path in paths:
        old, new = release(registry, "1.4.0", "1.4.1", path=path)
        engine.services.run(f"{registry.host}/{path}", old, new, service_id=path)
        await engine.enqueue(path, new)
    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        running = group.create_task(engine.worker.run())
        async for event in engine.events.after(0):
            if orjson.loads(event.data)["type"] == "task_finished" and not engine.queue.tasks:
                break
        running.cancel()
    assert len(await engine.versions.snapshots()) == 5


async def test_a_database_that_fails_keeps_the_task_for_another_try(
    engine: Engine, registry: FakeRegistry, clock: MovableClock
) -> None:
    old, _ = release(registry, "1.4.0", "1.4.1")
    engine.services.run(f"{registry.host}/{APP}", old)
    await engine.enqueue(APP, old)
    async with engine.database.write() as connection:
        await connection.exec_driver_sql("ALTER TABLE digest_snapshots RENAME TO elsewhere")
    with pytest.raises(StorageError):
        await engine.worker.work_once()
    async with engine.database.write() as connection:
        await connection.exec_driver_sql("ALTER TABLE elsewhere RENAME TO digest_snapshots")
    assert engine.queue.idle
    clock.advance(30)
    await engine.worker.work_once()
    assert not engine.queue.tasks
