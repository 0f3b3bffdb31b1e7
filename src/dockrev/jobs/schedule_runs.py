"""Stores when each schedule last ran, so that a missed run is noticed and made up for once."""

from datetime import datetime

from sqlalchemy import Column, String, Table, delete, select, update

from dockrev.db.database import Database
from dockrev.db.schema import Moment, metadata
from dockrev.db.upsert import upsert

schedule_ticks = Table(
    "schedule_ticks",
    metadata,
    Column("schedule", String, primary_key=True),
    Column("last_at", Moment, nullable=False),
)


class ScheduleRuns:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def last(self, schedule: str) -> datetime | None:
        query = select(schedule_ticks.c.last_at).where(schedule_ticks.c.schedule == schedule)
        async with self._database.read() as connection:
            return await connection.scalar(query)

    async def set_last(self, schedule: str, moment: datetime) -> None:
        async with self._database.write() as connection:
            await upsert(connection, schedule_ticks, [{"schedule": schedule, "last_at": moment}])

    async def claim(self, schedule: str, last: datetime, now: datetime) -> bool:
        """Whether the caller may run. Of all callers that saw the same last run, only one may."""
        unclaimed = schedule_ticks.c.schedule == schedule, schedule_ticks.c.last_at == last
        async with self._database.write() as connection:
            claimed = await connection.execute(update(schedule_ticks).where(*unclaimed).values(last_at=now))
            return claimed.rowcount == 1

    async def forget(self, schedule: str) -> None:
        """Forgets the last run. A schedule that is switched on again then starts from that moment."""
        async with self._database.write() as connection:
            await connection.execute(delete(schedule_ticks).where(schedule_ticks.c.schedule == schedule))
