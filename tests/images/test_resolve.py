"""One question to a registry: it asks the least, and a failure is an answer too."""

import asyncio
from collections.abc import Collection
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from dockrev.errors import RegistryError, RegistryErrorCode
from dockrev.images.models import CheckError, TagState
from dockrev.images.resolve import Answer, Question, Resolver
from dockrev.oci.digest import Digest
from dockrev.oci.manifest import Child, ImageManifest, Index
from dockrev.oci.platform import Platform
from dockrev.oci.ref import ImageRef
from tests.fakes.clock import MovableClock
from tests.images.memory import MemoryRegistry

WEB = ImageRef.parse("web:1")
OLD, NEW, CONFIG = Digest.of(b"old"), Digest.of(b"new"), Digest.of(b"config")
AMD64 = Platform("linux", "amd64")
CHILDREN = (Child(AMD64, Digest.of(b"child")),)


@pytest.fixture
def registry() -> MemoryRegistry:
    return MemoryRegistry(tags={str(WEB): NEW}, manifests={NEW: Index(CHILDREN)})


def question(
    *running: Collection[str], ref: ImageRef = WEB, before: Digest | None = None, at: datetime | None = None
) -> Question:
    tag = ref.tag or ""
    return Question(ref, tag, tuple(map(frozenset, running)), TagState(ref.repository, tag, before, at))


def resolver(registry: MemoryRegistry, clock: MovableClock, *known: Digest) -> Resolver:
    return Resolver(registry, known, clock)


async def test_an_unmoved_tag_costs_one_head(registry: MemoryRegistry, clock: MovableClock) -> None:
    answer = await resolver(registry, clock).answer(question([NEW], before=NEW))
    assert answer.state == TagState(WEB.repository, "1", NEW, clock.now(), digest_since=clock.now())
    assert answer.learned is None
    assert registry.asked == {"HEAD": 1}


async def test_a_tag_remembers_since_when_it_names_its_digest(
    registry: MemoryRegistry, clock: MovableClock
) -> None:
    first_seen = clock.now()
    asked = resolver(registry, clock, OLD, NEW)
    first = await asked.answer(question([OLD], before=OLD))
    clock.advance(60)
    later = await asked.answer(replace(question([OLD]), before=first.state))
    assert (later.state.digest, later.state.digest_since) == (NEW, first_seen)
    assert later.state.checked_at == clock.now()

    registry.tags[f"{WEB}"] = OLD
    clock.advance(60)
    moved = await asked.answer(replace(question([OLD]), before=later.state))
    assert (moved.state.digest, moved.state.digest_since) == (OLD, clock.now())


async def test_a_registry_that_fails_does_not_change_since_when(
    registry: MemoryRegistry, clock: MovableClock
) -> None:
    before = (await resolver(registry, clock, NEW).answer(question([OLD]))).state
    registry.head_error = RegistryError(RegistryErrorCode.TIMEOUT, "no answer")
    clock.advance(60)
    after = (await resolver(registry, clock).answer(replace(question([OLD]), before=before))).state
    assert (after.error is not None, after.digest_since) == (True, before.digest_since)


async def test_a_digest_that_is_new_is_fetched_once(registry: MemoryRegistry, clock: MovableClock) -> None:
    resolves = resolver(registry, clock)
    answer = await resolves.answer(question([OLD], before=OLD))
    assert answer.learned is not None
    assert (answer.learned.digest, answer.learned.children) == (NEW, CHILDREN)
    assert (await resolves.answer(question([OLD], before=OLD))).learned is None
    assert registry.asked == {"HEAD": 2, "GET": 1}


async def test_a_known_digest_is_never_fetched_again(registry: MemoryRegistry, clock: MovableClock) -> None:
    assert (await resolver(registry, clock, NEW).answer(question([OLD]))).learned is None
    assert registry.asked == {"HEAD": 1}


@pytest.mark.parametrize("running", [[[NEW]], [[NEW], [OLD, NEW]], []])
async def test_a_digest_that_runs_everywhere_is_not_fetched(
    registry: MemoryRegistry, clock: MovableClock, running: list[list[Digest]]
) -> None:
    answer = await resolver(registry, clock).answer(question(*running))
    assert (answer.state.digest, answer.learned) == (NEW, None)
    assert registry.asked == {"HEAD": 1}


async def test_a_digest_that_one_replica_lacks_is_fetched(
    registry: MemoryRegistry, clock: MovableClock
) -> None:
    assert (await resolver(registry, clock).answer(question([NEW], [OLD]))).learned is not None


async def test_a_single_platform_image_is_its_own_child(
    registry: MemoryRegistry, clock: MovableClock
) -> None:
    registry.manifests[NEW] = ImageManifest(CONFIG)
    registry.platforms[CONFIG] = AMD64
    answer = await resolver(registry, clock).answer(question([OLD]))
    assert answer.learned is not None
    assert answer.learned.children == (Child(AMD64, NEW),)
    assert registry.asked == {"HEAD": 1, "GET": 1, "config": 1}


async def test_two_tags_that_moved_to_the_same_digest_learn_it_once(
    registry: MemoryRegistry, clock: MovableClock
) -> None:
    other = ImageRef.parse("web:latest")
    registry.tags[str(other)] = NEW
    resolves = resolver(registry, clock)
    answers = await asyncio.gather(
        resolves.answer(question([OLD])), resolves.answer(question([OLD], ref=other))
    )
    assert sum(answer.learned is not None for answer in answers) == 1
    assert registry.asked == {"HEAD": 2, "GET": 1}


async def test_what_one_failed_to_learn_the_next_one_learns(
    registry: MemoryRegistry, clock: MovableClock
) -> None:
    resolves = resolver(registry, clock)
    registry.manifest_error = RegistryError(RegistryErrorCode.TIMEOUT, "no answer")
    assert (await resolves.answer(question([OLD]))).state.error is not None
    registry.manifest_error = None
    assert (await resolves.answer(question([OLD]))).learned is not None


async def failed(registry: MemoryRegistry, clock: MovableClock, error: RegistryError) -> Answer:
    registry.head_error = error
    yesterday = clock.now() - timedelta(days=1)
    return await resolver(registry, clock).answer(question([OLD], before=OLD, at=yesterday))


async def test_a_failure_keeps_the_digest_seen_before_and_its_age(
    registry: MemoryRegistry, clock: MovableClock
) -> None:
    answer = await failed(registry, clock, RegistryError(RegistryErrorCode.NOT_FOUND, "no such tag"))
    state = answer.state
    assert (state.digest, state.checked_at) == (OLD, clock.now() - timedelta(days=1))
    assert state.error == CheckError("image_not_found", "no such tag", clock.now())
    assert not state.error.deferred


async def test_a_registry_that_wants_silence_defers(registry: MemoryRegistry, clock: MovableClock) -> None:
    later = clock.now() + timedelta(hours=1)
    error = RegistryError(RegistryErrorCode.RATE_LIMITED, "too many", retry_at=later)
    state = (await failed(registry, clock, error)).state
    assert state.error is not None
    assert (state.error.deferred, state.error.retry_at) == (True, later)


async def test_an_answer_ends_the_error_before_it(registry: MemoryRegistry, clock: MovableClock) -> None:
    before = TagState(WEB.repository, "1", OLD, None, CheckError("registry_timeout", "x", clock.now()))
    answer = await resolver(registry, clock).answer(Question(WEB, "1", (), before))
    assert answer.state.error is None
