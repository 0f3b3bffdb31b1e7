"""Requests counted by the hour: cheap to count, and still there after a restart."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from dockrev.oci.ref import ImageRef
from dockrev.registry.client import RegistryClient
from dockrev.registry.spending import Spend, Spending
from tests.fakes.clock import MovableClock
from tests.fakes.registry import FakeRegistry

NOON = datetime(2026, 1, 2, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


class MemoryLog:
    """A SpendLog that remembers what was saved, and can be out of order."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, datetime], int] = {}
        self.saves = 0
        self.broken = False

    async def load(self, since: datetime) -> Sequence[Spend]:
        return [Spend(host, hour, count) for (host, hour), count in self.rows.items() if hour >= since]

    async def save(self, spends: Sequence[Spend]) -> None:
        if self.broken:
            raise OSError("disk full")
        self.saves += 1
        self.rows.update({(spend.host, spend.hour): spend.requests for spend in spends})


def test_a_day_is_this_hour_and_the_23_before() -> None:
    spending = Spending()
    spending.add("a", NOON)
    spending.add("a", NOON + timedelta(minutes=59))
    spending.add("b", NOON + HOUR)

    assert spending.last_24h(NOON + HOUR) == {"a": 2, "b": 1}
    assert spending.last_24h(NOON + 23 * HOUR + timedelta(minutes=59)) == {"a": 2, "b": 1}
    assert spending.last_24h(NOON + 24 * HOUR) == {"b": 1}
    assert spending.last_24h(NOON + 25 * HOUR) == {}


async def test_counts_survive_a_restart() -> None:
    log, before, after = MemoryLog(), Spending(), Spending()
    for _ in range(3):
        before.add("a", NOON)
    await before.flush(log)

    after.add("a", NOON + timedelta(minutes=30))
    await after.restore(log, NOON + timedelta(minutes=30))
    after.add("a", NOON + HOUR)

    assert after.last_24h(NOON + HOUR) == {"a": 5}
    await after.flush(log)
    assert log.rows == {("a", NOON): 4, ("a", NOON + HOUR): 1}


async def test_what_is_older_than_a_day_is_not_restored() -> None:
    log, spending = MemoryLog(), Spending()
    log.rows = {("a", NOON - 24 * HOUR): 7, ("a", NOON - 23 * HOUR): 1}

    await spending.restore(log, NOON)

    assert spending.last_24h(NOON) == {"a": 1}


async def test_only_what_changed_is_saved() -> None:
    log, spending = MemoryLog(), Spending()
    spending.add("a", NOON)
    await spending.flush(log)
    log.rows.clear()

    await spending.flush(log)
    assert log.saves == 1
    spending.add("b", NOON)
    await spending.flush(log)

    assert log.rows == {("b", NOON): 1}


async def test_what_cannot_be_saved_is_saved_later() -> None:
    log, spending = MemoryLog(), Spending()
    spending.add("a", NOON)
    log.broken = True
    with pytest.raises(OSError, match="disk full"):
        await spending.flush(log)

    log.broken = False
    await spending.flush(log)

    assert log.rows == {("a", NOON): 1}


async def test_what_is_counted_during_a_save_is_saved_with_the_next() -> None:
    spending = Spending()

    class Busy(MemoryLog):
        async def save(self, spends: Sequence[Spend]) -> None:
            await super().save(spends)
            if self.saves == 1:
                spending.add("a", NOON)

    log = Busy()
    spending.add("a", NOON)
    await spending.flush(log)
    assert log.rows == {("a", NOON): 1}

    await spending.flush(log)
    assert log.rows == {("a", NOON): 2}


async def test_yesterday_is_forgotten() -> None:
    log, spending = MemoryLog(), Spending()
    spending.add("a", NOON)
    spending.add("a", NOON + 24 * HOUR)

    await spending.flush(log)

    assert log.rows == {("a", NOON + 24 * HOUR): 1}


async def test_every_request_is_counted_once(client: RegistryClient, clock: MovableClock) -> None:
    async with FakeRegistry("bearer") as registry:
        registry.push("app", "1")
        ref = ImageRef.parse(f"{registry.host}/app:1")
        await client.manifest(ref.at(await client.head(ref)))
        registry.faults.down = True
        with pytest.raises(Exception, match="closed the connection"):
            await client.tags(ref)

        assert client.spent.last_24h(clock.now()) == {registry.host: sum(client.requests_made.values())}
