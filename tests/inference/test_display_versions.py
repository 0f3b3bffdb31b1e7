"""Names for what a check has just found, within the time that a check has for them."""

import asyncio
from pathlib import Path

from tests.fakes.clock import MovableClock
from tests.fakes.registry import FakeRegistry
from tests.inference.building import release
from tests.inference.whole import Whole

SHORT = 0.3


async def test_what_is_new_is_called_by_its_version(
    tmp_path: Path, clock: MovableClock, registry: FakeRegistry
) -> None:
    old, _ = release(registry, "1.4.0", "1.5.1", path="web")
    async with Whole.open(tmp_path, clock, registry) as whole, whole.at_work():
        await whole.stack(web=old)
        await whole.check()
        assert await whole.names() == {"web": ("1.4.0", "1.5.1")}


async def test_nothing_new_needs_no_names(
    tmp_path: Path, clock: MovableClock, registry: FakeRegistry
) -> None:
    old, _ = release(registry, "1.4.0", "1.5.1", path="web")
    async with Whole.open(tmp_path, clock, registry) as whole:
        await whole.stack(web=old)
        assert await whole.core.inference.display_versions.of([]) == {}
        assert (whole.queued, registry.requests) == ([], [])


async def test_only_the_services_that_were_asked_for_are_looked_into(
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


async def test_a_slow_registry_is_not_waited_for_and_found_out_later(
    tmp_path: Path, clock: MovableClock, registry: FakeRegistry
) -> None:
    old, _ = release(registry, "1.4.0", "1.5.1", path="web")
    async with Whole.open(tmp_path, clock, registry) as whole, whole.at_work():
        await whole.stack(web=old)
        await whole.check()
        registry.faults.slow_seconds = 600
        assert await whole.names(SHORT) == {"web": ("latest", "latest")}
        assert len(whole.queued) == 2, "they stay in the queue"


async def test_names_that_are_known_are_given_where_others_are_late(
    tmp_path: Path, clock: MovableClock, registry: FakeRegistry
) -> None:
    web, _ = release(registry, "1.4.0", "1.5.1", path="web")
    db, _ = release(registry, "16.3.0", "16.4.0", path="db")
    async with Whole.open(tmp_path, clock, registry) as whole, whole.at_work():
        await whole.stack(web=web, db=db)
        await whole.check()
        registry.fail("db").slow_seconds = 600
        assert await whole.names(3.0) == {"web": ("1.4.0", "1.5.1"), "db": ("latest", "latest")}


async def test_a_registry_that_asks_for_patience_does_not_use_up_that_of_the_check(
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
