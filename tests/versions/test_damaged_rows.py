"""A row that cannot be read is logged once and counts as unknown. All other rows are served."""

from collections.abc import Mapping, Sequence

import pytest
from sqlalchemy import text
from structlog.testing import capture_logs

from dockrev.db.database import Database
from dockrev.http.request_counter import RequestCounter
from dockrev.versions.models import InferenceReason, InferenceTask, Lookup, RetentionRun, TagListing
from dockrev.versions.observe import Observation
from dockrev.versions.spend import SpendStore
from dockrev.versions.store import VersionStore
from dockrev.versions.tasks import TaskStore
from tests.fakes.clock import MovableClock
from tests.versions.building import WEB, Facts, digest

OTHER = "ghcr.io/acme/other"


async def damage_row(database: Database, statement: str, **values: str) -> None:
    async with database.write() as connection:
        done = await connection.execute(text(statement), values)
        assert done.rowcount == 1


def unreadable(lines: Sequence[Mapping[str, object]]) -> list[str]:
    assert {line["log_level"] for line in lines} <= {"error"}
    return [str(line["table"]) for line in lines if line["action"] == "versions.rows_unreadable"]


SNAPSHOT_DAMAGE = [
    "tags = '{not'",
    "tags = '\"latest\"'",
    "tags = '[1]'",
    "former = 'null'",
    "checked_at = 'yesterday'",
    "checked_at = '0001-01-01T00:00:00+23:00'",
    "platform = 'linux'",
    "total = 'many'",
]


async def damaged(database: Database, store: VersionStore, facts: Facts, damage: str) -> None:
    """Stores `new` and `old`, and then damages the row of `new`."""
    snapshots = [facts.snapshot("new", "latest", "1.4.1"), facts.snapshot("old", "1.4.0")]
    await store.learn(Observation(WEB, snapshots=snapshots))
    await damage_row(
        database, f"UPDATE digest_snapshots SET {damage} WHERE digest = :digest", digest=digest("new")
    )


@pytest.mark.parametrize("damage", SNAPSHOT_DAMAGE)
async def test_no_read_returns_an_unreadable_snapshot(
    database: Database, store: VersionStore, facts: Facts, damage: str
) -> None:
    await damaged(database, store, facts, damage)
    known = await store.known([(WEB, digest("new")), (WEB, digest("old"))])
    good = facts.snapshot("old", "1.4.0")
    assert list(known.snapshots.values()) == await store.snapshots() == [good]
    assert await store.snapshot(facts.snapshot("new").key) is None
    assert await store.snapshot(good.key) == good


async def test_an_unreadable_snapshot_is_logged_once_and_overwritten(
    database: Database, store: VersionStore, facts: Facts
) -> None:
    await damaged(database, store, facts, "tags = '{not'")
    with capture_logs() as lines:
        await store.snapshots()
        await store.known([(WEB, digest("new"))])
    (line,) = lines
    assert (line["log_level"], line["action"]) == ("error", "versions.rows_unreadable")
    first = {"repository": WEB, "digest": digest("new"), "platform": "linux/amd64"}
    assert (line["rows"], line["first"]) == (1, first)
    revision = store.revision
    again = facts.snapshot("new", "latest", "1.4.1")
    await store.learn(Observation(WEB, facts(latest="new"), gone=["1.3.0"], snapshots=[again]))
    assert store.revision > revision
    assert await store.snapshot(again.key) == again


@pytest.mark.parametrize(
    "damage", ["children = '{not'", "children = '[1]'", "children = '[\"x\"]'", "seen_at = 'yesterday'"]
)
async def test_a_repository_with_an_unreadable_fact_is_incomplete_until_the_fact_is_learned_again(
    database: Database, store: VersionStore, facts: Facts, clock: MovableClock, damage: str
) -> None:
    seen = facts(v1="old", v2="new")
    await store.learn(Observation(WEB, seen, listing=TagListing(WEB, ("v1", "v2"), clock.now())))
    await store.learn(Observation(OTHER, facts(OTHER, v1="old")))
    await damage_row(database, f"UPDATE tag_facts SET {damage} WHERE tag = 'v1' AND repository = :of", of=WEB)
    with capture_logs() as lines:
        known = await store.known([(WEB, digest("old")), (WEB, digest("new")), (OTHER, digest("old"))])
        assert list(await store.facts(WEB)) == ["v2"]
    assert known.tags == {(WEB, digest("new")): ("v2",), (OTHER, digest("old")): ("v1",)}
    assert unreadable(lines) == ["tag_facts"]
    assert await store.unknown_tags() == {WEB: 1}
    await store.learn(Observation(WEB, seen[:1]))
    assert await store.unknown_tags() == {WEB: 0}
    assert await store.facts(WEB) == {fact.tag: fact for fact in seen}


async def test_a_fact_with_a_bad_digest_is_kept_and_counts_as_unknown(
    database: Database, store: VersionStore, facts: Facts, clock: MovableClock
) -> None:
    await store.learn(
        Observation(WEB, facts(v1="old", v2="new"), listing=TagListing(WEB, ("v1", "v2"), clock.now()))
    )
    await damage_row(database, "UPDATE tag_facts SET digest = 'sha256:xyz' WHERE tag = 'v1'")
    assert list(await store.facts(WEB)) == ["v2"]
    listing = await store.learn(Observation(WEB))
    assert listing is not None
    assert listing.complete_at is None
    with capture_logs() as lines:
        await store.facts(WEB)
    assert lines == []
    assert await store.unknown_tags() == {WEB: 1}


@pytest.mark.parametrize(
    "damage", ["names = '{not'", "names = 'null'", "listed_at = 'yesterday'", "complete_at = 'soon'"]
)
async def test_an_unreadable_tag_list_counts_as_never_read(
    database: Database, store: VersionStore, facts: Facts, clock: MovableClock, damage: str
) -> None:
    listing = TagListing(WEB, ("v1",), clock.now())
    await store.learn(Observation(WEB, facts(v1="new"), listing=listing))
    await store.learn(
        Observation(OTHER, facts(OTHER, v1="x"), listing=TagListing(OTHER, ("v1",), clock.now()))
    )
    await damage_row(database, f"UPDATE repository_tags SET {damage} WHERE repository = :of", of=WEB)
    with capture_logs() as lines:
        assert await store.listing(WEB) is None
        assert await store.unknown_tags() == {OTHER: 0}
    assert unreadable(lines) == ["repository_tags"]
    await store.learn(Observation(WEB, listing=listing))
    assert await store.unknown_tags() == {WEB: 0, OTHER: 0}


@pytest.mark.parametrize(
    "damage",
    [
        "reason = 'whim'",
        "status = 'lost'",
        "digest = 'xyz'",
        "platform = 'linux'",
        "enqueued_at = 'yesterday'",
        "started_at = 'now'",
        "not_before = '{}'",
        "attempts = 'few'",
    ],
)
async def test_the_next_start_skips_an_unreadable_task_and_runs_the_others(
    database: Database, store: VersionStore, facts: Facts, clock: MovableClock, damage: str
) -> None:
    lost, kept = (
        InferenceTask(Lookup(facts.snapshot(name).key, InferenceReason.CACHE_MISS), clock.now(), clock.now())
        for name in ("new", "old")
    )
    tasks = TaskStore(database)
    await tasks.save([lost, kept])
    await damage_row(database, f"UPDATE inference_tasks SET {damage} WHERE digest = :of", of=lost.key.digest)
    known = await store.known([(WEB, digest("new")), (WEB, digest("old"))])
    assert list(known.tasks.values()) == [kept]
    with capture_logs() as lines:
        assert await tasks.load() == [kept]
        assert await tasks.load() == [kept]
    assert unreadable(lines) == ["inference_tasks"]
    await tasks.save([lost])
    assert len(await tasks.load()) == 2


async def test_saving_a_task_repairs_its_damaged_row(
    database: Database, facts: Facts, clock: MovableClock
) -> None:
    task = InferenceTask(
        Lookup(facts.snapshot("new").key, InferenceReason.CACHE_MISS), clock.now(), clock.now()
    )
    tasks = TaskStore(database)
    await tasks.save([task])
    await damage_row(database, "UPDATE inference_tasks SET enqueued_at = 'yesterday'")
    await tasks.save([task])
    assert await tasks.load() == [task]


async def test_an_unreadable_retention_run_counts_as_none(
    database: Database, store: VersionStore, clock: MovableClock
) -> None:
    run = RetentionRun(clock.now(), 3, 12)
    await store.record_retention(run)
    await damage_row(database, "UPDATE retention_runs SET ran_at = 'yesterday'")
    assert await store.last_retention() is None
    await store.record_retention(run)
    assert await store.last_retention() == run


async def test_unreadable_request_counts_are_skipped(database: Database, clock: MovableClock) -> None:
    counts, now = SpendStore(database), clock.now()
    before, after = RequestCounter(), RequestCounter()
    for host in ("ghcr.io", "quay.io", "quay.io"):
        before.add(host, now)
    await counts.save(before)
    await damage_row(database, "UPDATE registry_spend SET hour = 'yesterday' WHERE host = 'ghcr.io'")
    with capture_logs() as lines:
        await counts.restore(RequestCounter(), now)
        await counts.restore(after, now)
    assert after.last_24h(now) == {"quay.io": 2}
    assert unreadable(lines) == ["registry_spend"]
