"""The store keeps facts for ever, and the state of a tag until the next answer."""

from collections.abc import Sequence
from datetime import timedelta

import pytest

from dockrev.db.database import Database
from dockrev.images.models import CheckError, ImageFacts, TagState
from dockrev.images.store import ImageStore
from dockrev.oci.digest import Digest
from dockrev.oci.manifest import Child
from dockrev.oci.platform import Platform
from tests.fakes.clock import MovableClock

ONE, OTHER = Digest.of(b"one"), Digest.of(b"other")


class Images:
    """The store with a transaction around each call."""

    def __init__(self, database: Database, store: ImageStore) -> None:
        self.database = database
        self.store = store

    async def record(self, *states: TagState, facts: Sequence[ImageFacts] = ()) -> None:
        async with self.database.write() as connection:
            await self.store.record(connection, states, facts)


@pytest.fixture
def images(database: Database, clock: MovableClock) -> Images:
    return Images(database, ImageStore(database, clock))


async def test_a_tag_is_read_back_exactly(images: Images, clock: MovableClock) -> None:
    error = CheckError("registry_rate_limited", "later", clock.now(), clock.now() + timedelta(hours=1))
    states = [
        TagState("docker.io/library/web", "1", ONE, clock.now()),
        TagState("docker.io/library/web", "2", ONE, clock.now(), error, clock.now() - timedelta(days=1)),
        TagState("ghcr.io/a/b", "1"),
    ]
    await images.record(*states)
    assert await images.store.tags() == {state.key: state for state in states}


async def test_the_newest_answer_replaces_the_one_before(images: Images, clock: MovableClock) -> None:
    error = CheckError("registry_timeout", "x", clock.now(), clock.now())
    await images.record(TagState("r/web", "1", ONE, clock.now(), error))
    newest = TagState("r/web", "1", OTHER, clock.now())
    await images.record(newest)
    assert await images.store.tags() == {newest.key: newest}


async def test_facts_are_read_back_exactly_and_stored_once(images: Images) -> None:
    children = (Child(Platform("linux", "arm", "v7"), OTHER), Child(Platform("linux", "amd64"), ONE))
    facts = ImageFacts(ONE, children)
    await images.record(facts=[facts])
    await images.record(facts=[facts, ImageFacts(OTHER, ())])
    assert await images.store.facts({ONE, OTHER}) == {ONE: facts, OTHER: ImageFacts(OTHER, ())}
    assert await images.store.stored_digests() == {ONE, OTHER}


async def test_only_the_facts_that_are_asked_for_are_read(images: Images) -> None:
    await images.record(facts=[ImageFacts(ONE, ()), ImageFacts(OTHER, ())])
    assert set(await images.store.facts([ONE, Digest.of(b"never learned")])) == {ONE}
    assert await images.store.facts([]) == {}


async def test_recording_nothing_is_allowed(images: Images) -> None:
    await images.record()
    assert await images.store.tags() == {}


async def test_forgetting_deletes_only_the_given_tag(images: Images) -> None:
    await images.record(TagState("r/a", "1", ONE), TagState("r/a", "2", ONE), TagState("r/b", "1", ONE))
    async with images.database.write() as connection:
        await images.store.forget(connection, {("r/a", "1")})
    assert set(await images.store.tags()) == {("r/a", "2"), ("r/b", "1")}


async def test_the_first_retry_is_the_earliest_of_the_deferred_tags(
    images: Images, clock: MovableClock
) -> None:
    assert await images.store.first_retry() is None
    now = clock.now()
    for hours, tag in ((3, "a"), (2, "b")):
        error = CheckError("registry_rate_limited", "x", now, now + timedelta(hours=hours))
        await images.record(TagState("r/web", tag, error=error))
    await images.record(TagState("r/web", "c", error=CheckError("registry_timeout", "x", now)))
    assert await images.store.first_retry() == now + timedelta(hours=2)
