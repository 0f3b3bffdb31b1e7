"""The store of facts, tag lists and snapshots."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import text

from dockrev.db.database import Database
from dockrev.http.request_counter import RequestCounter
from dockrev.oci.platform import Platform
from dockrev.versions.models import (
    DigestKey,
    InferenceReason,
    InferenceTask,
    Lookup,
    RetentionRun,
    TagFact,
    TagListing,
)
from dockrev.versions.observe import Observation
from dockrev.versions.spend import SpendStore
from dockrev.versions.store import VersionStore
from dockrev.versions.tasks import TaskStore
from tests.fakes.clock import MovableClock
from tests.versions.building import AMD64, WEB, Facts, digest


async def test_the_tags_of_a_digest_come_from_facts_and_snapshot(store: VersionStore, facts: Facts) -> None:
    await store.learn(
        Observation(WEB, facts(latest="new", v1="new"), snapshots=[facts.snapshot("new", "1.4.1", "latest")])
    )
    known = await store.known([(WEB, digest("new"))])
    assert set(known.tags_of(DigestKey(WEB, digest("new"), AMD64))) == {"latest", "v1", "1.4.1"}
    assert known.snapshots.get(DigestKey(WEB, digest("new"), AMD64)) == facts.snapshot(
        "new", "1.4.1", "latest"
    )


async def test_only_the_given_digests_are_loaded(store: VersionStore, facts: Facts) -> None:
    other = "ghcr.io/acme/other"
    await store.learn(
        Observation(WEB, facts(latest="new", old="old"), snapshots=[facts.snapshot("new", "latest")])
    )
    await store.learn(
        Observation(
            other,
            facts(other, latest="new"),
            snapshots=[facts.snapshot("new", "latest", repository=other)],
        )
    )
    known = await store.known([(WEB, digest("new"))])
    assert set(known.tags) == {(WEB, digest("new"))}
    assert [key.repository for key in known.snapshots] == [WEB]
    assert known.tags_of(DigestKey(other, digest("new"), AMD64)) == ()


async def test_a_snapshot_for_another_platform_is_not_used(store: VersionStore, facts: Facts) -> None:
    await store.learn(Observation(WEB, snapshots=[facts.snapshot("new", "1.4.1")]))
    known = await store.known([(WEB, digest("new"))])
    assert known.snapshots.get(DigestKey(WEB, digest("new"), Platform("linux", "arm64"))) is None
    assert known.tags_of(DigestKey(WEB, digest("new"), Platform("linux", "arm64"))) == ()


async def test_a_task_is_loaded_until_it_ends(
    store: VersionStore, database: Database, clock: MovableClock
) -> None:
    key = DigestKey(WEB, digest("new"), AMD64)
    task = InferenceTask(Lookup(key, InferenceReason.CACHE_MISS), clock.now(), clock.now())
    await TaskStore(database).save([task])
    assert (await store.known([(WEB, key.digest)])).tasks.get(key) == task
    await store.learn(Observation(WEB), done=key)
    assert (await store.known([(WEB, key.digest)])).tasks.get(key) is None


async def test_a_moved_tag_is_removed_from_its_former_digest(store: VersionStore, facts: Facts) -> None:
    await store.learn(
        Observation(WEB, facts(latest="old", v1="old"), snapshots=[facts.snapshot("old", "v1", "latest")])
    )
    await store.learn(Observation(WEB, facts(latest="new")))
    known = await store.known([(WEB, digest("old")), (WEB, digest("new"))])
    assert known.tags_of(DigestKey(WEB, digest("old"), AMD64)) == ("v1",)
    old = known.snapshots.get(DigestKey(WEB, digest("old"), AMD64))
    assert old is not None
    assert old.former == ("latest",)
    assert known.tags_of(DigestKey(WEB, digest("new"), AMD64)) == ("latest",)


async def test_a_tag_that_came_back_is_no_former_tag(store: VersionStore, facts: Facts) -> None:
    await store.learn(Observation(WEB, facts(latest="old"), snapshots=[facts.snapshot("old", "latest")]))
    await store.learn(Observation(WEB, facts(latest="new")))
    await store.learn(Observation(WEB, facts(latest="old"), snapshots=[facts.snapshot("old", "latest")]))
    known = await store.known([(WEB, digest("old"))])
    old = known.snapshots.get(DigestKey(WEB, digest("old"), AMD64))
    assert old is not None
    assert (known.tags_of(DigestKey(WEB, digest("old"), AMD64)), old.former) == (("latest",), ())


async def test_a_platform_manifest_keeps_the_tag_of_its_index(
    store: VersionStore, facts: Facts, clock: MovableClock
) -> None:
    await store.learn(Observation(WEB, facts(v1="first"), snapshots=[facts.snapshot("child", "v1")]))
    moved = TagFact(WEB, "v1", digest("second"), clock.now(), (digest("child"),))
    await store.learn(Observation(WEB, [moved]))
    known = await store.known([(WEB, digest("child"))])
    assert known.tags_of(DigestKey(WEB, digest("child"), AMD64)) == ("v1",)


async def test_the_children_of_an_index_stay_when_a_new_fact_lists_none(
    store: VersionStore, facts: Facts, clock: MovableClock
) -> None:
    index = TagFact(WEB, "v1", digest("index"), clock.now(), (digest("child"),))
    await store.learn(Observation(WEB, [index], snapshots=[facts.snapshot("child", "v1")]))
    clock.advance(1)
    listing = TagListing(WEB, ("v1",), clock.now())
    await store.learn(Observation(WEB, facts(v1="index"), listing=listing))
    assert (await store.facts(WEB))["v1"].children == (digest("child"),)
    kept = await store.snapshot(DigestKey(WEB, digest("child"), AMD64))
    assert kept is not None
    assert kept.tags == ("v1",)


async def test_a_tag_that_is_missing_from_the_new_list_is_deleted(
    store: VersionStore, facts: Facts, clock: MovableClock
) -> None:
    await store.learn(Observation(WEB, facts(v1="old", v2="new"), snapshots=[facts.snapshot("old", "v1")]))
    await store.learn(Observation(WEB, listing=TagListing(WEB, ("v2",), clock.now())))
    assert set(await store.facts(WEB)) == {"v2"}
    assert (await store.known([(WEB, digest("old"))])).tags_of(DigestKey(WEB, digest("old"), AMD64)) == ()


async def test_a_tag_that_the_registry_does_not_find_is_deleted(store: VersionStore, facts: Facts) -> None:
    await store.learn(Observation(WEB, facts(v1="old", v2="new")))
    await store.learn(Observation(WEB, gone=["v1"]))
    assert set(await store.facts(WEB)) == {"v2"}


async def test_a_list_is_stored_with_its_age_and_is_complete_when_every_tag_is_known(
    store: VersionStore, facts: Facts, clock: MovableClock
) -> None:
    assert (await store.listing(WEB), await store.unknown_tags()) == (None, {})
    listing = TagListing(WEB, ("b", "a", "c"), clock.now())
    assert await store.learn(Observation(WEB, listing=listing)) == listing
    assert await store.listing(WEB) == listing
    await store.learn(Observation(WEB, facts(a="x")))
    assert await store.unknown_tags() == {WEB: 2}
    clock.advance(60)
    complete = replace(listing, names=("b", "a"), complete_at=clock.now())
    assert await store.learn(Observation(WEB, facts(b="x"), gone=["c"])) == complete
    assert await store.listing(WEB) == complete
    assert await store.unknown_tags() == {WEB: 0}


async def test_thousands_of_tags_can_be_stored_and_read(store: VersionStore, clock: MovableClock) -> None:
    seen = [TagFact(WEB, f"1.0.{n}", digest(str(n)), clock.now()) for n in range(5_000)]
    await store.learn(Observation(WEB, seen))
    known = await store.known((WEB, fact.digest) for fact in seen)
    assert all(known.tags_of(DigestKey(WEB, fact.digest, AMD64)) == (fact.tag,) for fact in seen)


async def test_the_revision_grows_only_when_a_version_may_have_changed(
    store: VersionStore, facts: Facts, clock: MovableClock
) -> None:
    findings = Observation(WEB, facts(latest="new"), snapshots=[facts.snapshot("new", "latest")])
    await store.learn(findings)
    first = store.revision
    assert first > 0
    clock.advance(60)
    await store.learn(Observation(WEB, facts(latest="new"), snapshots=[facts.snapshot("new", "latest")]))
    assert store.revision == first
    await store.learn(Observation(WEB, facts(latest="newer")))
    assert store.revision > first


async def test_old_snapshots_and_unused_old_facts_are_deleted(
    store: VersionStore, facts: Facts, clock: MovableClock
) -> None:
    other = "ghcr.io/acme/other"
    await store.learn(Observation(WEB, facts(v1="old", v2="new"), snapshots=[facts.snapshot("old", "v1")]))
    await store.learn(
        Observation(
            other,
            facts(other, v1="x"),
            (),
            TagListing(other, ("v1",), clock.now()),
            [facts.snapshot("x", repository=other)],
        )
    )
    clock.advance(31 * 86_400)
    await store.learn(Observation(WEB, snapshots=[facts.snapshot("new", "v2")]))
    assert await store.delete_before(clock.now() - timedelta(days=30)) == 2
    assert [snapshot.tags for snapshot in await store.snapshots()] == [("v2",)]
    assert set(await store.facts(WEB)) == {"v1", "v2"}
    assert await store.facts(other) == {}
    assert await store.listing(other) is None


async def test_the_last_retention_is_reported(store: VersionStore, clock: MovableClock) -> None:
    assert await store.last_retention() is None
    await store.record_retention(RetentionRun(clock.now(), 3, 12))
    failed = RetentionRun(clock.now(), 0, 5, "the disk is full")
    await store.record_retention(failed)
    assert await store.last_retention() == failed


async def test_request_counts_survive_a_restart(database: Database, clock: MovableClock) -> None:
    store, before, after = SpendStore(database), RequestCounter(), RequestCounter()
    for _ in range(3):
        before.add("ghcr.io", clock.now())
    await store.save(before)
    before.add("ghcr.io", clock.now())
    await store.save(before)
    await store.restore(after, clock.now())
    assert after.last_24h(clock.now()) == {"ghcr.io": 4}


async def test_counts_that_cannot_be_saved_are_saved_later(database: Database, clock: MovableClock) -> None:
    store, counter, restored = SpendStore(database), RequestCounter(), RequestCounter()
    counter.add("ghcr.io", clock.now())
    async with database.write() as connection:
        await connection.execute(text("ALTER TABLE registry_spend RENAME TO elsewhere"))
    with pytest.raises(Exception, match="registry_spend"):
        await store.save(counter)

    async with database.write() as connection:
        await connection.execute(text("ALTER TABLE elsewhere RENAME TO registry_spend"))
    await store.save(counter)
    await store.restore(restored, clock.now())
    assert restored.last_24h(clock.now()) == {"ghcr.io": 1}


async def test_counts_older_than_a_day_are_not_restored(database: Database, clock: MovableClock) -> None:
    store, before, after = SpendStore(database), RequestCounter(), RequestCounter()
    before.add("ghcr.io", clock.now())
    clock.advance(3600)
    before.add("ghcr.io", clock.now())
    await store.save(before)
    clock.advance(23 * 3600)
    await store.restore(after, clock.now())
    assert after.last_24h(clock.now() - timedelta(hours=23)) == {"ghcr.io": 1}


async def test_counts_older_than_two_days_are_deleted(database: Database, clock: MovableClock) -> None:
    store, start = SpendStore(database), clock.now()
    counter, restored = RequestCounter(), RequestCounter()
    counter.add("quay.io", start)
    await store.save(counter)
    clock.advance(3 * 86_400)
    counter.add("ghcr.io", clock.now())
    await store.save(counter)
    await store.restore(restored, start)
    assert restored.last_24h(start) == {"ghcr.io": 1}
