"""Displayed versions for a check, which waits a short time for them."""

import asyncio
from pathlib import Path

from tests.fakes.clock import MovableClock
from tests.fakes.registry import FakeRegistry
from tests.inference.building import release
from tests.inference.whole import Whole

SHORT = 0.3


async def test_a_new_candidate_is_shown_with_its_version(
    tmp_path: Path, clock: MovableClock, registry: FakeRegistry
) -> None:
    old, _ = release(registry, "1.4.0", "1.5.1", path="web")
    async with Whole.open(tmp_path, clock, registry) as whole, whole.at_work():
        await whole.stack(web=old)
        await whole.check()
        assert await whole.names() == {"web": ("1.4.0", "1.5.1")}


async def test_without_services_nothing_is_looked_up(
    tmp_path: Path, clock: MovableClock, registry: FakeRegistry
) -> None:
    old, _ = release(registry, "1.4.0", "1.5.1", path="web")
    async with Whole.open(tmp_path, clock, registry) as whole:
        await whole.stack(web=old)
        assert await whole.core.inference.display_versions.of([]) == {}
        assert (whole.queued, registry.requests) == ([], [])


async def test_only_the_given_services_are_looked_up(
    tmp_path: Path, clock: MovableClock, registry: FakeRegistry
) -> None:
    web, _ = release(registry, "1.4.0", "1.5.1", path="web")
    db, _ = release(registry, "16.3.0", "16.4.0", path="db")
    async with Whole.open(tmp_path, clock, registry) as whole, whole.at_work():
        await whole.stack(web=web, db=db)
        await whole.check()
        chosen = (await whole.services())["web"].id
        assert await whole.core.inference.display_versions.of([chosen]) == {chosen: ("1.4.0", "1.5.1")}
        repositories = {snapshot.key.repository for snapshot in await whole.core.versions.snapshots()}
        assert repositories == {f"{registry.host}/web"}


async def test_a_version_from_a_slow_registry_is_found_later(
    tmp_path: Path, clock: MovableClock, registry: FakeRegistry
) -> None:
    old, _ = release(registry, "1.4.0", "1.5.1", path="web")
    async with Whole.open(tmp_path, clock, registry) as whole, whole.at_work():
        await whole.stack(web=old)
        await whole.check()
        registry.faults.slow_seconds = 600
        assert await whole.names(SHORT) == {"web": ("latest", "latest")}
        assert len(whole.queued) == 2, "they stay in the queue"


async def test_known_versions_are_returned_while_others_are_late(
    tmp_path: Path, clock: MovableClock, registry: FakeRegistry
) -> None:
    web, _ = release(registry, "1.4.0", "1.5.1", path="web")
    db, _ = release(registry, "16.3.0", "16.4.0", path="db")
    async with Whole.open(tmp_path, clock, registry) as whole, whole.at_work():
        await whole.stack(web=web, db=db)
        await whole.check()
        registry.fail("db").slow_seconds = 600
        assert await whole.names(3.0) == {"web": ("1.4.0", "1.5.1"), "db": ("latest", "latest")}


async def test_a_deferred_lookup_does_not_use_up_the_patience_of_the_check(
    tmp_path: Path, clock: MovableClock, registry: FakeRegistry
) -> None:
    old, _ = release(registry, "1.4.0", "1.5.1", path="web")
    async with Whole.open(tmp_path, clock, registry) as whole, whole.at_work():
        await whole.stack(web=old)
        await whole.check()
        registry.faults.status = 429
        registry.limits.retry_after = "3600"
        async with asyncio.timeout(20):
            assert await whole.names(patience_seconds=60) == {"web": ("latest", "latest")}
        assert len(whole.queued) == 2
