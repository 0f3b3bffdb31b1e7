"""New facts complete tag lists and renew snapshots."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from dockrev.oci.digest import Digest
from dockrev.versions.models import DigestKey, DigestSnapshot, ScanCounts, TagFact, TagListing
from dockrev.versions.observe import Observation
from dockrev.versions.renewal import completed, missing, newest_listing, renewed
from dockrev.versions.store import VersionStore
from tests.fakes.clock import MovableClock
from tests.versions.building import AMD64, WEB, Facts, digest

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
FAILED = ScanCounts(error=1)


def fact(tag: str, name: str, hours: int = 0, *children: Digest) -> TagFact:
    return TagFact(WEB, tag, digest(name), NOON + hours * HOUR, children)


def known(*facts: TagFact) -> dict[str, TagFact]:
    return {fact.tag: fact for fact in facts}


def listing(*names: str, hours: int = 0) -> TagListing:
    return TagListing(WEB, names, NOON + hours * HOUR)


def snapshot(name: str, *tags: str, hours: int = 0, scan: ScanCounts = ScanCounts(3, 1, 1)) -> DigestSnapshot:  # noqa: B008
    return DigestSnapshot(DigestKey(WEB, digest(name), AMD64), tags, NOON + hours * HOUR, scan)


OLDER, NEWER = listing("a"), listing("b", hours=1)


@pytest.mark.parametrize(
    ("stored", "read", "newest"),
    [
        (None, None, None),
        (None, OLDER, OLDER),
        (OLDER, None, OLDER),
        (OLDER, NEWER, NEWER),
        (NEWER, OLDER, NEWER),
        (OLDER, listing("b"), listing("b")),
    ],
)
def test_only_a_newer_list_replaces_a_list(
    stored: TagListing | None, read: TagListing | None, newest: TagListing | None
) -> None:
    assert newest_listing(stored, read) == newest


def test_a_tag_that_was_seen_after_the_list_was_read_is_not_missing() -> None:
    facts = known(fact("a", "x"), fact("b", "x"), fact("c", "x", 1))
    assert missing(listing("a"), facts) == {"b"}


@pytest.mark.parametrize(
    ("names", "facts", "complete_at"),
    [
        ((), (), NOON),
        (("a",), (), None),
        (("a", "b"), (fact("a", "x"),), None),
        (("a", "b"), (fact("a", "x", 2), fact("b", "y", 1)), NOON + 2 * HOUR),
        (("a",), (fact("a", "x", -3),), NOON),
    ],
)
def test_a_list_is_complete_when_the_digest_of_every_tag_is_known(
    names: tuple[str, ...], facts: tuple[TagFact, ...], complete_at: datetime | None
) -> None:
    assert completed(listing(*names), known(*facts)).complete_at == complete_at


FACTS = known(fact("1.4.0", "old", 1), fact("1.4.1", "new", 2), fact("latest", "new", 3))
NAMES = listing("1.4.0", "1.4.1", "latest")
WHOLE = ScanCounts(3, 3, 3)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (snapshot("new", "1.4.1"), snapshot("new", "1.4.1", "latest", hours=2, scan=WHOLE)),
        (snapshot("new", "1.4.1", hours=5), snapshot("new", "1.4.1", "latest", hours=5, scan=WHOLE)),
        (snapshot("old", scan=FAILED, hours=1), snapshot("old", "1.4.0", hours=1, scan=WHOLE)),
        (snapshot("lost", "0.9"), snapshot("lost", hours=1, scan=WHOLE)),
        (snapshot("lost", scan=FAILED), snapshot("lost", hours=1, scan=WHOLE)),
        (snapshot("lost", scan=FAILED, hours=1), snapshot("lost", scan=FAILED, hours=1)),
    ],
)
def test_the_snapshot_of_a_complete_repository_has_all_tags_and_the_age_of_its_oldest_fact(
    before: DigestSnapshot, after: DigestSnapshot
) -> None:
    assert renewed(before, NAMES, FACTS) == after


async def test_learning_the_last_tag_renews_every_snapshot(store: VersionStore, facts: Facts) -> None:
    seen = facts(v1="old", v2="new", latest="new")
    names = TagListing(WEB, ("v1", "v2", "latest"), seen[0].seen_at)
    snapshots = [
        facts.snapshot("new", "v2", scan=ScanCounts(3, 1, 1)),
        facts.snapshot("old", scan=ScanCounts(3, 1, 1)),
    ]
    await store.learn(Observation(WEB, seen[1:2], listing=names, snapshots=snapshots))
    assert {snapshot.tags for snapshot in await store.snapshots()} == {("v2",), ()}
    revision = store.revision
    await store.learn(Observation(WEB, [seen[0], seen[2]]))
    by_digest = {snapshot.key.digest: (snapshot.tags, snapshot.scan) for snapshot in await store.snapshots()}
    assert by_digest == {digest("new"): (("v2", "latest"), WHOLE), digest("old"): (("v1",), WHOLE)}
    assert store.revision > revision


async def test_an_older_list_removes_no_tag(store: VersionStore, facts: Facts, clock: MovableClock) -> None:
    """A slow reader stores its list after a newer list with another tag was stored."""
    before = TagListing(WEB, ("v1",), clock.now())
    await store.learn(Observation(WEB, facts(v1="old"), listing=before))
    clock.advance(60)
    now = TagListing(WEB, ("v1", "v2"), clock.now())
    after = await store.learn(
        Observation(WEB, facts(v2="new"), listing=now, snapshots=[facts.snapshot("new", "v2")])
    )
    assert await store.learn(Observation(WEB, listing=before)) == after
    assert after == replace(now, complete_at=clock.now())
    assert set(await store.facts(WEB)) == {"v1", "v2"}
    assert [snapshot.tags for snapshot in await store.snapshots()] == [("v2",)]


async def test_a_tag_that_was_seen_after_the_list_was_read_stays(
    store: VersionStore, facts: Facts, clock: MovableClock
) -> None:
    names = TagListing(WEB, ("v1",), clock.now())
    await store.learn(Observation(WEB, facts(v1="old"), listing=names))
    clock.advance(60)
    await store.learn(Observation(WEB, facts(v2="new"), snapshots=[facts.snapshot("new", "v2")]))
    await store.learn(Observation(WEB, listing=names))
    assert set(await store.facts(WEB)) == {"v1", "v2"}
    assert [snapshot.tags for snapshot in await store.snapshots()] == [("v2",)]


async def test_an_older_fact_does_not_replace_a_newer_one(
    store: VersionStore, facts: Facts, clock: MovableClock
) -> None:
    slow = facts(latest="old")
    clock.advance(60)
    await store.learn(Observation(WEB, facts(latest="new")))
    await store.learn(Observation(WEB, slow))
    assert (await store.facts(WEB))["latest"].digest == digest("new")
