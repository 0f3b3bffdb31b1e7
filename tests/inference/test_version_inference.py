"""Version inference as a whole: starts, reading stacks, and restarts."""

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from dockrev.inference.retention import SnapshotRetention
from dockrev.stacks.models import ObservedService
from dockrev.versions.models import InferenceReason, Lookup
from tests.fakes.clock import MovableClock
from tests.fakes.registry import FakeRegistry
from tests.inference.building import release
from tests.inference.whole import Whole
from tests.stacks.building import observed, observed_service, running


async def test_reading_a_stack_enqueues_each_digest_once_and_asks_no_registry(
    tmp_path: Path, clock: MovableClock, registry: FakeRegistry
) -> None:
    old, new = release(registry, "1.4.0", "1.5.1", path="web")
    async with Whole.open(tmp_path, clock, registry) as whole:
        stack_id = await whole.stack(web=old)
        await whole.check()
        registry.forget_counts()
        first = (await whole.detail(stack_id))["web"]["versionInference"]
        again = (await whole.detail(stack_id))["web"]["versionInference"]
        assert first == again == {"status": "pending", "reason": "cache_miss"}
        assert set(whole.queued) == {whole.key("web", old), whole.key("web", new)}
        assert len(whole.queued) == 2
        assert registry.requests == []


async def test_a_version_that_was_found_is_shown_and_not_looked_up_again(
    tmp_path: Path, clock: MovableClock, registry: FakeRegistry
) -> None:
    old, _ = release(registry, "1.4.0", "1.5.1", path="web")
    async with Whole.open(tmp_path, clock, registry) as whole, whole.at_work():
        stack_id = await whole.stack(web=old)
        await whole.check()
        await whole.detail(stack_id)
        await whole.wait_done()
        web = (await whole.detail(stack_id))["web"]
        assert (web["image"]["resolvedTag"], web["candidate"]["resolvedTag"]) == ("1.4.0", "1.5.1")
        assert web["versionInference"]["status"] == "ready"
        assert whole.queued == []


async def test_a_part_that_crashes_does_not_stop_the_lookups(
    tmp_path: Path, clock: MovableClock, registry: FakeRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def crash(_: SnapshotRetention) -> None:
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr(SnapshotRetention, "tick", crash)
    old, _ = release(registry, "1.4.0", "1.5.1", path="web")
    async with Whole.open(tmp_path, clock, registry) as whole:
        stack_id = await whole.stack(web=old)
        await whole.check()
        with capture_logs() as logs:
            async with whole.at_work():
                await whole.detail(stack_id)
                await whole.wait_done()
                assert await whole.names() == {"web": ("1.4.0", "1.5.1")}
    assert [line["work"] for line in logs if line["action"] == "background.crashed"] == ["snapshot retention"]


async def test_after_a_restart_versions_are_shown_without_a_request(
    tmp_path: Path, clock: MovableClock, registry: FakeRegistry
) -> None:
    old, _ = release(registry, "1.4.0", "1.5.1", path="web")
    async with Whole.open(tmp_path, clock, registry) as whole, whole.at_work():
        stack_id = await whole.stack(web=old)
        await whole.check()
        before = await whole.names()
        await whole.wait_done()
    registry.forget_counts()
    async with Whole.open(tmp_path, clock, registry) as whole, whole.at_work():
        assert whole.queued == []
        assert await whole.names() == before == {"web": ("1.4.0", "1.5.1")}
        web = (await whole.detail(stack_id))["web"]
        assert (web["image"]["resolvedTag"], web["candidate"]["resolvedTag"]) == ("1.4.0", "1.5.1")
    assert registry.requests == []


async def test_a_start_looks_up_running_digests_without_a_version(
    tmp_path: Path, clock: MovableClock, registry: FakeRegistry
) -> None:
    old, _ = release(registry, "1.4.0", "1.5.1", path="web")
    async with Whole.open(tmp_path, clock, registry) as whole:
        await whole.stack(web=old)
        assert whole.queued == []
    async with Whole.open(tmp_path, clock, registry) as whole:
        (task,) = whole.core.inference.queue.tasks
        assert (task.key, task.reason) == (whole.key("web", old), InferenceReason.STARTUP_WARMUP)


@pytest.mark.parametrize("read", ["a", "b", "c"])
async def test_a_stack_that_is_read_comes_before_the_lookups_of_the_start(
    read: str, tmp_path: Path, clock: MovableClock, registry: FakeRegistry
) -> None:
    stacks: dict[str, str] = {}
    async with Whole.open(tmp_path, clock, registry) as whole:
        for name in ("a", "b", "c"):
            (runs,) = release(registry, "1.4.0", path=name)
            seen = observed_service("web", f"{registry.host}/{name}:latest", running(runs))
            stacks[name] = (await whole.core.stacks.sync(observed(name, web=seen))).stack_id
    async with Whole.open(tmp_path, clock, registry) as whole:
        assert len(whole.queued) == 3
        await whole.detail(stacks[read])
        first = await whole.core.inference.queue.next()
        assert first.key.repository == f"{registry.host}/{read}"
        assert first.reason is InferenceReason.STARTUP_WARMUP


async def test_the_next_start_continues_unfinished_tasks(
    tmp_path: Path, clock: MovableClock, registry: FakeRegistry
) -> None:
    old, new = release(registry, "1.4.0", "1.5.1", path="web")
    async with Whole.open(tmp_path, clock, registry) as whole:
        stack_id = await whole.stack(web=old)
        await whole.check()
        await whole.detail(stack_id)
        queued = set(whole.queued)
    async with Whole.open(tmp_path, clock, registry) as whole:
        assert set(whole.queued) == queued == {whole.key("web", old), whole.key("web", new)}
        reasons = {task.reason for task in whole.core.inference.queue.tasks}
        assert reasons == {InferenceReason.CACHE_MISS}, "a warm-up makes nothing less urgent"
        async with whole.at_work():
            await whole.wait_done()
            assert await whole.names() == {"web": ("1.4.0", "1.5.1")}


async def test_request_counts_survive_a_restart(
    tmp_path: Path, clock: MovableClock, registry: FakeRegistry
) -> None:
    old, _ = release(registry, "1.4.0", "1.5.1", path="web")
    async with Whole.open(tmp_path, clock, registry) as whole, whole.at_work():
        await whole.stack(web=old)
        await whole.check()
        await whole.names()
    asked = len(registry.requests)
    async with Whole.open(tmp_path, clock, registry) as whole:
        spent = {usage.host: usage.requests_24h for usage in whole.core.registry.usage()}
        assert spent == {registry.host: asked}
        clock.advance(25 * 3600)
        assert whole.core.registry.usage() == []


async def test_a_refresh_finds_all_tags_of_the_digest_again(
    tmp_path: Path, clock: MovableClock, registry: FakeRegistry
) -> None:
    _, new = release(registry, "1.4.0", "1.5.1", path="web")
    async with Whole.open(tmp_path, clock, registry) as whole, whole.at_work():
        await whole.stack(web=new)
        await whole.check()
        await whole.names()
        key = whole.key("web", new)
        for tags in (("1.5.1", "latest"), ("1.5.1",)):
            clock.advance(60)
            await whole.core.inference.queue.enqueue([Lookup(key, InferenceReason.FORCE)])
            await whole.wait_done()
            snapshot = await whole.core.versions.snapshot(key)
            assert snapshot is not None
            assert snapshot.tags == tags
            registry.push("web", "latest", revision="moved on")


@pytest.mark.parametrize("why", ["pinned", "not watched"])
async def test_an_unchecked_service_is_looked_up_only_when_the_operator_orders_it(
    why: str, tmp_path: Path, clock: MovableClock, registry: FakeRegistry
) -> None:
    old, _ = release(registry, "1.4.0", "1.5.1", path="web")
    unchecked: dict[str, ObservedService] = {
        "pinned": observed_service("web", f"{registry.host}/web@{old}", running(old)),
        "not watched": observed_service("web", f"{registry.host}/web:latest", running(old), watched=False),
    }
    async with Whole.open(tmp_path, clock, registry) as whole:
        await whole.core.stacks.sync(observed("blog", web=unchecked[why]))
    async with Whole.open(tmp_path, clock, registry) as whole, whole.at_work():
        assert whole.queued == []
        assert await whole.core.inference.backfill.step() == 0
        service = (await whole.services())["web"]
        asked = f"/api/services/{service.id}/digest-tags-snapshot?digest={old}"
        pending = await whole.get(asked, status=202)
        assert pending["status"] == "pending"
        await whole.wait_done()
        assert (await whole.get(asked))["tags"] == ["1.4.0"]
        (row,) = (await whole.get("/api/version-inference/overview"))["rows"]
        assert (row["status"], row["serviceCount"]) == ("ready", 0)
