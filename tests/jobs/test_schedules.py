"""Schedules run at the right time in their zone, and make up once for missed times."""

import asyncio
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from dockrev.db.database import Database
from dockrev.errors import InvalidArgument, UpstreamError
from dockrev.jobs.schedule_runs import ScheduleRuns
from dockrev.jobs.schedules import Plan, Schedule, check_cron, next_time
from tests.fakes.clock import MovableClock

BERLIN = ZoneInfo("Europe/Berlin")


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("cron", "after", "expected"),
    [
        pytest.param("*/30 * * * *", "2026-01-01 10:00", "2026-01-01 10:30", id="strictly later"),
        pytest.param("0 3 * * *", "2026-01-01 12:00", "2026-01-02 02:00", id="in the zone in winter"),
        pytest.param("0 3 * * *", "2026-07-01 12:00", "2026-07-02 01:00", id="in the zone in summer"),
        pytest.param("15 0 3 * * *", "2026-01-01 12:00", "2026-01-02 02:00:15", id="seconds first"),
        pytest.param("0 3 * * *", "2026-03-28 12:00", "2026-03-29 01:00", id="the day of 23 hours"),
        pytest.param("0 3 * * *", "2026-10-24 12:00", "2026-10-25 02:00", id="the day of 25 hours"),
        pytest.param("30 2 * * *", "2026-03-28 12:00", "2026-03-29 01:00", id="a time that does not exist"),
        pytest.param("0 12 * * 1", "2026-01-01 00:00", "2026-01-05 11:00", id="on Mondays"),
    ],
)
def test_the_next_time_is_computed(cron: str, after: str, expected: str) -> None:
    assert next_time(cron, utc(after), BERLIN) == utc(expected)


def test_every_half_hour_goes_on_while_the_clocks_change() -> None:
    moment, times = utc("2026-10-24 22:00"), 0
    while (moment := next_time("*/30 * * * *", moment, BERLIN)) <= utc("2026-10-25 23:00"):
        times += 1
    assert times == 50, "that day has 25 hours"


@pytest.mark.parametrize("cron", ["* * * * *", "*/30 * * * *", "0 0 3 * * *", "0 3 * * mon-fri", "@daily"])
def test_a_valid_cron_expression_is_accepted(cron: str) -> None:
    check_cron(cron)


@pytest.mark.parametrize("cron", ["", "x", "* * * *", "60 * * * *", "* * * * * * * *", "0 0 * * 8", "\x00"])
def test_an_invalid_cron_expression_is_refused(cron: str) -> None:
    with pytest.raises(InvalidArgument) as raised:
        check_cron(cron)
    assert raised.value.details == {"reason": "cron_invalid"}


class Scheduled:
    """A schedule with its plan, and a count of its runs."""

    def __init__(self, database: Database, clock: MovableClock) -> None:
        self.plan = Plan(enabled=True, cron="0 * * * *")
        self.clock = clock
        self.ran: list[datetime] = []
        self.error: UpstreamError | None = None
        self._database = database
        self.schedule = self.restarted()

    def restarted(self) -> Schedule:
        return Schedule("hourly", self._plan, self._act, ScheduleRuns(self._database), self.clock, UTC)

    async def tick_after(self, **time: float) -> bool:
        self.clock.advance(timedelta(**time).total_seconds())
        return await self.schedule.tick()

    async def _plan(self) -> Plan:
        return self.plan

    async def _act(self) -> None:
        self.ran.append(self.clock.now())
        if self.error:
            raise self.error


@pytest.fixture
def scheduled(database: Database) -> Scheduled:
    """It is 00:30."""
    return Scheduled(database, MovableClock(utc("2026-01-01 00:30")))


async def test_a_schedule_first_runs_at_its_next_time(scheduled: Scheduled) -> None:
    assert [await scheduled.tick_after(minutes=minutes) for minutes in (0, 29, 1, 1, 58, 1)] == [
        False,
        False,
        True,
        False,
        False,
        True,
    ]
    assert scheduled.ran == [utc("2026-01-01 01:00"), utc("2026-01-01 02:00")]


async def test_missed_times_lead_to_one_run(scheduled: Scheduled) -> None:
    await scheduled.tick_after(minutes=0)
    assert await scheduled.tick_after(hours=50)
    assert not await scheduled.tick_after(minutes=1)
    assert len(scheduled.ran) == 1


async def test_a_schedule_remembers_its_last_run_over_a_restart(scheduled: Scheduled) -> None:
    await scheduled.tick_after(minutes=0)
    scheduled.schedule = scheduled.restarted()
    assert await scheduled.tick_after(minutes=30)


async def test_a_schedule_that_was_off_does_not_make_up_for_that_time(scheduled: Scheduled) -> None:
    await scheduled.tick_after(minutes=0)
    scheduled.plan = Plan(enabled=False, cron="not even a cron expression")
    assert not await scheduled.tick_after(hours=5)
    scheduled.plan = Plan(enabled=True, cron="0 * * * *")
    assert not await scheduled.tick_after(minutes=10)
    assert await scheduled.tick_after(minutes=20)


async def test_a_new_cron_expression_acts_at_once(scheduled: Scheduled) -> None:
    await scheduled.tick_after(minutes=0)
    scheduled.plan = Plan(enabled=True, cron="* * * * *")
    assert await scheduled.tick_after(minutes=1)


@pytest.mark.parametrize("cron", ["x", "0 0 30 2 *", "0 0 0 1 1 * 2020"])
async def test_an_expression_without_a_next_time_is_an_error_with_a_name(
    scheduled: Scheduled, cron: str
) -> None:
    await scheduled.tick_after(minutes=0)
    scheduled.plan = Plan(enabled=True, cron=cron)
    with pytest.raises(InvalidArgument):
        await scheduled.tick_after(hours=5)
    assert scheduled.ran == []


async def test_an_action_that_fails_is_not_repeated_before_its_next_time(scheduled: Scheduled) -> None:
    await scheduled.tick_after(minutes=0)
    scheduled.error = UpstreamError("no engine")
    with pytest.raises(UpstreamError):
        await scheduled.tick_after(minutes=30)
    assert not await scheduled.tick_after(minutes=1)


async def test_a_schedule_goes_on_after_the_clock_is_set_back(scheduled: Scheduled) -> None:
    scheduled.clock.advance(timedelta(days=3650).total_seconds())
    await scheduled.tick_after(minutes=0)
    assert not await scheduled.tick_after(days=-3650)
    assert await scheduled.tick_after(minutes=30)


async def test_schedules_have_separate_runs(database: Database) -> None:
    runs = ScheduleRuns(database)
    await runs.set_last("a", utc("2026-01-01"))
    await runs.set_last("a", utc("2026-01-02"))
    assert await runs.last("a") == utc("2026-01-02")
    assert await runs.last("b") is None
    await runs.forget("a")
    assert await runs.last("a") is None


async def test_two_schedules_on_one_database_start_one_run(scheduled: Scheduled) -> None:
    other = scheduled.restarted()
    await scheduled.tick_after(minutes=0)
    for _ in range(5):
        scheduled.clock.advance(3600)
        ran = await asyncio.gather(scheduled.schedule.tick(), other.tick(), scheduled.schedule.tick())
        assert sorted(ran) == [False, False, True]
    assert len(scheduled.ran) == 5
