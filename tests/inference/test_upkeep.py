"""The retention of snapshots, and the lookups that services need."""

import orjson

from dockrev.inference.needed_lookups import needed_lookups, warm_up
from dockrev.inference.retention import SnapshotRetention
from dockrev.versions.models import InferenceReason, RetentionRun, TagFact
from dockrev.versions.observe import Observation
from tests.fakes.clock import MovableClock
from tests.fakes.registry import FakeRegistry
from tests.inference.building import APP, Engine, digest, release


async def test_snapshots_are_deleted_after_thirty_days_without_renewal(
    engine: Engine, registry: FakeRegistry, clock: MovableClock
) -> None:
    old, new = release(registry, "1.4.0", "1.4.1")
    engine.services.run(f"{registry.host}/{APP}", old, new)
    await engine.run(APP, old)
    clock.advance(20 * 86_400)
    await engine.run(APP, new)
    clock.advance(11 * 86_400)
    run = await SnapshotRetention(engine.versions, engine.events, clock).purge()
    assert run.deleted == 1
    assert [snapshot.key.digest for snapshot in await engine.versions.snapshots()] == [new]
    assert await engine.versions.last_retention() == run
    event = orjson.loads(engine.events.kept[-1].data)
    assert (event["type"], event["ok"], event["deleted"]) == ("gc_ran", True, 1)
    assert event["cutoff"] == "2026-01-03T03:04:05.000000Z"


async def test_a_retention_that_fails_is_reported(engine: Engine, clock: MovableClock) -> None:
    async with engine.database.write() as connection:
        await connection.exec_driver_sql("ALTER TABLE digest_snapshots RENAME TO elsewhere")
    run = await SnapshotRetention(engine.versions, engine.events, clock).purge()
    assert run.error is not None
    assert await engine.versions.last_retention() == RetentionRun(clock.now(), 0, run.duration_ms, run.error)
    event = orjson.loads(engine.events.kept[-1].data)
    assert (event["ok"], event["error"]) == (False, run.error)


async def test_the_start_enqueues_running_digests_and_asks_no_registry(
    engine: Engine, registry: FakeRegistry, clock: MovableClock
) -> None:
    old, new = release(registry, "1.4.0", "1.4.1")
    engine.services.run(f"{registry.host}/{APP}", old, new)
    engine.services.run(f"{registry.host}/{APP}:1.4.0", digest("pinned"), service_id="svc_pinned")
    assert await warm_up(engine.services, engine.versions, engine.queue, clock) == 1
    (task,) = engine.queue.tasks
    assert (task.key.digest, task.reason) == (old, InferenceReason.STARTUP_WARMUP)
    assert engine.asked == 0


async def test_the_start_does_not_enqueue_known_digests(
    engine: Engine, registry: FakeRegistry, clock: MovableClock
) -> None:
    old, _ = release(registry, "1.4.0", "1.4.1")
    engine.services.run(f"{registry.host}/{APP}", old)
    await engine.run(APP, old)
    assert await warm_up(engine.services, engine.versions, engine.queue, clock) == 0
    clock.advance(7 * 86_400)
    assert await warm_up(engine.services, engine.versions, engine.queue, clock) == 1


async def test_only_the_given_services_get_lookups_with_the_candidate_first(
    engine: Engine, registry: FakeRegistry, clock: MovableClock
) -> None:
    old, new = release(registry, "1.4.0", "1.4.1")
    engine.services.run(f"{registry.host}/{APP}", old, new)
    engine.services.run(f"{registry.host}/acme/other", digest("x"), service_id="svc_other")
    lookups = await needed_lookups(
        engine.services.images[:1], engine.versions, InferenceReason.NEW_VERSION, clock.now()
    )
    await engine.queue.enqueue(lookups)
    assert [task.key.digest for task in engine.queue.tasks] == [new, old]
    assert (await engine.queue.next()).key.digest == new


async def test_a_lookup_that_used_up_its_budget_is_repeated_until_every_tag_has_answered(
    engine: Engine, registry: FakeRegistry, clock: MovableClock
) -> None:
    lost = release(registry, *(f"1.{minor}.0" for minor in range(60)))[0]
    registry.delete_tag(APP, "1.0.0")
    engine.services.run(f"{registry.host}/{APP}", lost)
    await engine.run(APP, lost)
    assert await warm_up(engine.services, engine.versions, engine.queue, clock) == 0, "not at once"
    clock.advance(600)
    registry.forget_counts()
    assert await warm_up(engine.services, engine.versions, engine.queue, clock) == 1
    await engine.worker.work_once()
    assert registry.counts["tags"] == 1
    assert registry.counts["head"] <= 40
    while await engine.backfill.step():
        pass
    clock.advance(600)
    assert await warm_up(engine.services, engine.versions, engine.queue, clock) == 0, "nothing is left to ask"


async def test_a_platform_manifest_keeps_its_version_when_the_index_is_asked_again(
    engine: Engine, registry: FakeRegistry, clock: MovableClock
) -> None:
    """The bulk API listed the children. A HEAD, which lists none, must not remove them."""
    (index,) = release(registry, "1.4.0")
    child, repository = digest("child"), engine.repository(APP)
    engine.services.run(f"{registry.host}/{APP}", child)
    await engine.versions.learn(
        Observation(repository, [TagFact(repository, "1.4.0", index, clock.now(), (child,))])
    )
    clock.advance(8 * 86_400)
    assert (await engine.run(APP, child)).tags == ("1.4.0",)
    assert registry.requests[-1] == f"HEAD /v2/{APP}/manifests/1.4.0"
    assert engine.asked == 1
