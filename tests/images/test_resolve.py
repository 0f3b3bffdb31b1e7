"""The resolver sends as few requests as possible, and returns a failure as an answer."""

import asyncio
from collections.abc import AsyncIterator, Collection
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from dockrev.config.server import RegistryConfig
from dockrev.images.models import CheckError, TagState
from dockrev.images.resolve import TagAnswer, TagQuestion, TagResolver
from dockrev.oci.digest import Digest
from dockrev.oci.manifest import Child
from dockrev.oci.platform import Platform
from dockrev.oci.ref import ImageRef
from dockrev.registry.client import RegistryClient, open_http
from tests.fakes.clock import MovableClock
from tests.fakes.images import index_image
from tests.fakes.registry import FakeRegistry

OLD = Digest.of(b"old")
IMAGE = index_image("web", ["linux/amd64"])
NEW = IMAGE.digest
CHILDREN = (Child(Platform("linux", "amd64"), IMAGE.children["linux/amd64"]),)


@pytest.fixture
def registry(fake_registry: FakeRegistry) -> FakeRegistry:
    fake_registry.push_image("web", "1", IMAGE)
    return fake_registry


@pytest.fixture
async def client(tmp_path: Path, clock: MovableClock) -> AsyncIterator[RegistryClient]:
    config = RegistryConfig(tmp_path / "config.json", retry_base_ms=1, retry_max_ms=10)
    async with open_http(config, clock) as http:
        yield RegistryClient(config, clock, http)


@pytest.fixture
def resolver(client: RegistryClient, clock: MovableClock) -> TagResolver:
    return TagResolver(client, (), clock)


def question(
    registry: FakeRegistry,
    *running: Collection[str],
    tag: str = "1",
    before: Digest | None = None,
    at: datetime | None = None,
) -> TagQuestion:
    ref = ImageRef.parse(f"{registry.host}/web:{tag}")
    state = TagState(ref.repository, tag, before, at)
    return TagQuestion(ref, tag, tuple(map(frozenset, running)), state)


async def test_a_tag_that_did_not_move_costs_one_head(
    registry: FakeRegistry, resolver: TagResolver, clock: MovableClock
) -> None:
    answer = await resolver.answer(question(registry, [NEW], before=NEW))

    assert answer.state == TagState(f"{registry.host}/web", "1", NEW, clock.now(), digest_since=clock.now())
    assert answer.facts is None
    assert registry.counts == {"head": 1}


async def test_a_tag_keeps_the_time_when_its_digest_was_first_seen(
    registry: FakeRegistry, resolver: TagResolver, clock: MovableClock
) -> None:
    first_seen = clock.now()
    first = await resolver.answer(question(registry))

    clock.advance(3600)
    later = await resolver.answer(replace(question(registry), before=first.state))
    assert (later.state.digest, later.state.digest_since) == (NEW, first_seen)
    assert later.state.checked_at == clock.now()

    moved_to = registry.push_image("web", "1", index_image("web", ["linux/arm64"]))
    clock.advance(3600)
    moved = await resolver.answer(replace(question(registry), before=later.state))
    assert (moved.state.digest, moved.state.digest_since) == (moved_to, clock.now())


async def test_a_failure_does_not_change_when_the_digest_was_first_seen(
    registry: FakeRegistry, resolver: TagResolver, clock: MovableClock
) -> None:
    before = (await resolver.answer(question(registry))).state
    registry.delete_tag("web", "1")
    clock.advance(3600)

    after = (await resolver.answer(replace(question(registry), before=before))).state

    assert (after.error is not None, after.digest_since) == (True, before.digest_since)


async def test_a_new_digest_is_fetched_once(registry: FakeRegistry, resolver: TagResolver) -> None:
    answer = await resolver.answer(question(registry, [OLD], before=OLD))

    assert answer.facts is not None
    assert (answer.facts.digest, answer.facts.children) == (NEW, CHILDREN)
    assert (await resolver.answer(question(registry, [OLD], before=OLD))).facts is None
    assert registry.counts == {"head": 2, "get_manifest": 1}


async def test_a_stored_digest_is_not_fetched_again(
    registry: FakeRegistry, client: RegistryClient, clock: MovableClock
) -> None:
    resolver = TagResolver(client, [NEW], clock)

    assert (await resolver.answer(question(registry, [OLD]))).facts is None
    assert registry.counts == {"head": 1}


@pytest.mark.parametrize("running", [[[NEW]], [[NEW], [OLD, NEW]], []])
async def test_a_digest_that_runs_everywhere_is_not_fetched(
    registry: FakeRegistry, resolver: TagResolver, running: list[list[Digest]]
) -> None:
    answer = await resolver.answer(question(registry, *running))

    assert (answer.state.digest, answer.facts) == (NEW, None)
    assert registry.counts == {"head": 1}


async def test_a_digest_that_one_replica_does_not_run_is_fetched(
    registry: FakeRegistry, resolver: TagResolver
) -> None:
    assert (await resolver.answer(question(registry, [NEW], [OLD]))).facts is not None


async def test_a_single_platform_image_is_its_own_child(
    registry: FakeRegistry, resolver: TagResolver
) -> None:
    single = registry.push_single("web", "2", platform="linux/arm64")

    answer = await resolver.answer(question(registry, [OLD], tag="2"))

    assert answer.facts is not None
    assert answer.facts.children == (Child(Platform("linux", "arm64"), single),)
    assert registry.counts == {"head": 1, "get_manifest": 1, "blob": 1}


async def test_two_tags_that_moved_to_the_same_digest_fetch_it_once(
    registry: FakeRegistry, resolver: TagResolver
) -> None:
    registry.retag("web", "latest", NEW)

    answers = await asyncio.gather(
        resolver.answer(question(registry, [OLD])), resolver.answer(question(registry, [OLD], tag="latest"))
    )

    assert sum(answer.facts is not None for answer in answers) == 1
    assert registry.counts == {"head": 2, "get_manifest": 1}


async def test_a_digest_whose_fetch_failed_is_fetched_for_the_next_question(
    registry: FakeRegistry, resolver: TagResolver
) -> None:
    registry.faults.wrong_digest = True
    assert (await resolver.answer(question(registry, [OLD]))).state.error is not None
    registry.heal()

    assert (await resolver.answer(question(registry, [OLD]))).facts is not None


async def failed(registry: FakeRegistry, resolver: TagResolver, clock: MovableClock) -> TagAnswer:
    yesterday = clock.now() - timedelta(days=1)
    return await resolver.answer(question(registry, [OLD], before=OLD, at=yesterday))


async def test_a_failure_keeps_the_last_digest_and_its_age(
    registry: FakeRegistry, resolver: TagResolver, clock: MovableClock
) -> None:
    registry.delete_tag("web", "1")

    state = (await failed(registry, resolver, clock)).state

    assert (state.digest, state.checked_at) == (OLD, clock.now() - timedelta(days=1))
    assert state.error is not None
    assert (state.error.code, state.error.at) == ("image_not_found", clock.now())
    assert f"{registry.host} found nothing" in state.error.message
    assert not state.error.deferred


async def test_a_registry_that_limits_requests_defers_the_question(
    registry: FakeRegistry, resolver: TagResolver, clock: MovableClock
) -> None:
    registry.limits.burst, registry.limits.retry_after = 0, "3600"

    state = (await failed(registry, resolver, clock)).state

    assert state.error is not None
    assert (state.error.deferred, state.error.retry_at) == (True, clock.now() + timedelta(hours=1))


async def test_an_answer_removes_the_error(
    registry: FakeRegistry, resolver: TagResolver, clock: MovableClock
) -> None:
    asked = question(registry)
    before = TagState(asked.ref.repository, "1", OLD, None, CheckError("registry_timeout", "x", clock.now()))

    answer = await resolver.answer(TagQuestion(asked.ref, "1", (), before))

    assert answer.state.error is None
