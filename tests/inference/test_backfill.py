"""The backfill learns all tags of a repository while the queue is empty."""

from pathlib import Path

from tests.fakes.clock import MovableClock
from tests.fakes.registry import FakeRegistry
from tests.inference.building import APP, Engine, digest, release


async def complete(engine: Engine, most: int = 100) -> int:
    """Makes steps until nothing is left to do. Returns their number."""
    for done in range(most):
        if not await engine.backfill.step():
            return done
    raise AssertionError("it does not come to an end")


async def test_the_backfill_completes_a_repository(engine: Engine, registry: FakeRegistry) -> None:
    made = release(registry, *(f"1.{minor}.0" for minor in range(9)))
    registry.push(APP, "nightly")
    engine.services.run(f"{registry.host}/{APP}", made[-1])
    await engine.run(APP, made[-1])
    assert await complete(engine) == 3
    assert await engine.versions.unknown_tags() == {engine.repository(APP): 0}
    assert set(await engine.versions.facts(engine.repository(APP))) == {
        *(f"1.{minor}.0" for minor in range(9)),
        "nightly",
        "latest",
    }
    snapshot = await engine.versions.snapshot(engine.key(APP, made[-1]))
    assert snapshot is not None
    assert snapshot.tags == ("1.8.0", "latest")
    assert (snapshot.scan.total, snapshot.scan.considered, snapshot.scan.ok) == (11, 11, 11)


async def test_the_backfill_finds_a_version_beyond_the_budget_of_a_lookup(
    engine: Engine, registry: FakeRegistry
) -> None:
    made = release(registry, *(f"1.{minor}.0" for minor in range(60)))
    engine.services.run(f"{registry.host}/{APP}", made[0])
    assert (await engine.run(APP, made[0])).tags == ()
    await complete(engine)
    snapshot = await engine.versions.snapshot(engine.key(APP, made[0]))
    assert snapshot is not None
    assert snapshot.tags == ("1.0.0",)


async def test_the_next_process_continues_the_backfill(
    tmp_path: Path, clock: MovableClock, registry: FakeRegistry
) -> None:
    made = release(registry, *(f"1.{minor}.0" for minor in range(20)))
    async with Engine.open(tmp_path, clock, registry) as engine:
        engine.services.run(f"{registry.host}/{APP}", made[-1])
        await engine.run(APP, made[-1])
        await engine.backfill.step()
        services = engine.services
    registry.forget_counts()
    async with Engine.open(tmp_path, clock, registry, services) as again:
        await complete(again)
    assert registry.counts["tags"] == 0
    assert registry.counts["head"] == 21 - 1 - 4
    assert len(set(registry.requests)) == len(registry.requests)


async def test_the_backfill_also_lists_a_repository_whose_label_was_proved(
    engine: Engine, registry: FakeRegistry
) -> None:
    old, _ = release(registry, "1.4.0", "1.4.1")
    engine.services.run(f"{registry.host}/{APP}", old, None, "1.4.0")
    await engine.run(APP, old)
    await complete(engine)
    assert await engine.versions.unknown_tags() == {engine.repository(APP): 0}


async def test_the_backfill_does_nothing_while_a_task_waits(engine: Engine, registry: FakeRegistry) -> None:
    made = release(registry, "1.4.0", "1.4.1")
    engine.services.run(f"{registry.host}/{APP}", made[0])
    await engine.run(APP, made[0])
    await engine.enqueue(APP, made[1])
    registry.forget_counts()
    assert await engine.backfill.step() == 0
    assert engine.asked == 0


async def test_unused_repositories_are_not_read(engine: Engine, registry: FakeRegistry) -> None:
    made = release(registry, "1.4.0", "1.4.1", "1.4.2")
    engine.services.run(f"{registry.host}/{APP}", made[-1])
    await engine.run(APP, made[-1])
    engine.services.images.clear()
    engine.clock.advance(60)
    assert await engine.backfill.step() == 0


async def test_repositories_whose_tags_are_versions_are_not_read(
    engine: Engine, registry: FakeRegistry
) -> None:
    made = release(registry, "1.4.0", "1.4.1", "1.4.2")
    engine.services.run(f"{registry.host}/{APP}:1.4.1", made[1])
    assert await engine.backfill.step() == 0
    assert engine.asked == 0


async def test_a_registry_in_cool_down_is_not_asked(engine: Engine, registry: FakeRegistry) -> None:
    made = release(registry, *(f"1.{minor}.0" for minor in range(9)))
    engine.services.run(f"{registry.host}/{APP}", made[-1])
    await engine.run(APP, made[-1])
    registry.faults.status, registry.limits.retry_after = 429, "600"
    assert await engine.backfill.step() == 1
    registry.heal()
    registry.forget_counts()
    assert await engine.backfill.step() == 0
    assert engine.asked == 0
    engine.clock.advance(601)
    await complete(engine)
    assert await engine.versions.unknown_tags() == {engine.repository(APP): 0}


async def test_a_repository_that_fails_rests_and_the_others_continue(
    engine: Engine, registry: FakeRegistry
) -> None:
    bad = "acme/bad"
    engine.services.run(f"{registry.host}/{APP}", release(registry, "1.4.0", "1.4.1")[0])
    engine.services.run(f"{registry.host}/{bad}", digest("x"))
    registry.fail(bad).status = 404
    await complete(engine)
    assert await engine.versions.unknown_tags() == {engine.repository(APP): 0}
    registry.forget_counts()
    assert await engine.backfill.step() == 0


async def test_a_listed_tag_that_does_not_exist_does_not_stop_the_backfill(
    engine: Engine, registry: FakeRegistry
) -> None:
    made = release(registry, "1.4.0", "1.4.1", "1.4.2")
    engine.services.run(f"{registry.host}/{APP}", made[-1])
    await engine.run(APP, made[-1])
    registry.delete_tag(APP, "1.4.0")
    await complete(engine)
    assert await engine.versions.unknown_tags() == {engine.repository(APP): 0}
    assert "1.4.0" not in await engine.versions.facts(engine.repository(APP))


async def test_tags_that_always_fail_do_not_keep_the_backfill_from_the_others(
    engine: Engine, registry: FakeRegistry
) -> None:
    made = release(registry, *(f"1.{minor}.0" for minor in range(60)))
    registry.fail(APP).broken_tags = frozenset(f"1.{minor}.0" for minor in range(8))
    registry.fail(APP).broken_tags |= {f"1.{minor}.0" for minor in range(52, 60)}
    engine.services.run(f"{registry.host}/{APP}", made[8])
    for _ in range(6):
        await complete(engine)
        engine.clock.advance(601)
    facts = await engine.versions.facts(engine.repository(APP))
    assert set(facts) == {"latest", *(f"1.{minor}.0" for minor in range(8, 52))}


async def test_a_small_repository_without_a_version_does_not_wait_for_a_large_one(
    engine: Engine, registry: FakeRegistry
) -> None:
    large = release(registry, *(f"1.{minor}.0" for minor in range(60)), path="acme/a-large")
    small = release(registry, *(f"2.{minor}.0" for minor in range(45)), path="acme/b-small")
    engine.services.run(f"{registry.host}/acme/a-large", large[-1])
    await engine.run("acme/a-large", large[-1])
    engine.services.run(f"{registry.host}/acme/b-small", small[0], service_id="svc_small")
    assert (await engine.run("acme/b-small", small[0])).tags == ()
    registry.forget_counts()
    await engine.backfill.step()
    await engine.backfill.step()
    heads = [line.split("/")[3] for line in registry.requests if line.startswith("HEAD")]
    assert set(heads) == {"b-small"}
    known = await engine.versions.known([(engine.repository("acme/b-small"), small[0])])
    assert known.tags_of(engine.key("acme/b-small", small[0])) == ("2.0.0",)


async def test_find_stops_when_the_version_is_known(engine: Engine, registry: FakeRegistry) -> None:
    made = release(registry, *(f"1.{minor}.0" for minor in range(100)))
    engine.services.run(f"{registry.host}/{APP}", made[40])
    assert (await engine.run(APP, made[40])).tags == ()
    registry.forget_counts()
    await engine.backfill.find({engine.repository(APP)}, 25)
    assert registry.counts["head"] == 20, "1.59.0 down to 1.40.0"
    await engine.backfill.find({engine.repository(APP)}, 25)
    assert registry.counts["head"] == 20


async def test_find_does_nothing_for_a_service_whose_tag_is_a_version(
    engine: Engine, registry: FakeRegistry
) -> None:
    made = [registry.push(APP, f"16.{minor}-alpine") for minor in range(60)]
    engine.services.run(f"{registry.host}/{APP}:16.9-alpine", made[9])
    await engine.checked(APP, "16.9-alpine", made[9])
    await engine.run(APP, made[9])
    registry.forget_counts()
    await engine.backfill.find({engine.repository(APP)}, 25)
    assert engine.asked == 0


async def test_find_has_a_limit_and_stays_in_its_repositories(engine: Engine, registry: FakeRegistry) -> None:
    made = release(registry, *(f"1.{minor}.0" for minor in range(100)))
    engine.services.run(f"{registry.host}/{APP}", made[0])
    await engine.run(APP, made[0])
    registry.forget_counts()
    await engine.backfill.find({engine.repository("acme/other")}, 25)
    assert engine.asked == 0
    await engine.backfill.find({engine.repository(APP)}, 3)
    assert registry.counts["head"] == 12
