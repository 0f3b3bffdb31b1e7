"""Runs an action by a cron expression. Missed times, one or many, lead to one run."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, tzinfo

from croniter import CroniterBadDateError, croniter

from dockrev.clock import Clock
from dockrev.errors import InvalidArgument
from dockrev.jobs.schedule_runs import ScheduleRuns


@dataclass(frozen=True, slots=True)
class Plan:
    enabled: bool
    cron: str


def check_cron(cron: str) -> None:
    """Five fields, or six to seven with the seconds first. Raises InvalidArgument."""
    if not croniter.is_valid(cron, second_at_beginning=True):
        raise InvalidArgument(f"not a cron expression: {cron!r}", {"reason": "cron_invalid"})


def next_time(cron: str, after: datetime, zone: tzinfo) -> datetime:
    """The first time after `after`. In `zone`: there `0 3 * * *` is three in the morning.

    Raises InvalidArgument when no such time will come, as for the 30th of February.
    """
    try:
        time: datetime = croniter(cron, after.astimezone(zone), second_at_beginning=True).get_next(datetime)
    except CroniterBadDateError as error:
        raise InvalidArgument(f"{cron!r} names no time to come", {"reason": "cron_invalid"}) from error
    return time


class Schedule:
    """One named schedule. Each tick reads the plan again, so that a change takes effect at once."""

    def __init__(
        self,
        name: str,
        plan: Callable[[], Awaitable[Plan]],
        action: Callable[[], Awaitable[object]],
        runs: ScheduleRuns,
        clock: Clock,
        zone: tzinfo,
    ) -> None:
        self._name = name
        self._plan = plan
        self._action = action
        self._runs = runs
        self._clock = clock
        self._zone = zone

    async def tick(self) -> bool:
        """Runs the action if its time has come; returns whether it ran.

        The run is claimed first, so several schedules of this name on one database run the action once.
        """
        plan, now = await self._plan(), self._clock.now()
        last = await self._runs.last(self._name)
        if not plan.enabled:
            if last is not None:
                await self._runs.forget(self._name)
            return False
        check_cron(plan.cron)
        if last is None or last > now:  # the first tick, or the clock was set back
            await self._runs.set_last(self._name, now)
            return False
        if next_time(plan.cron, last, self._zone) > now or not await self._runs.claim(self._name, last, now):
            return False
        await self._action()
        return True
