"""When each schedule ran last: what makes a missed run noticed, and run once."""

from datetime import datetime

from sqlalchemy import Column, String, Table, delete, select
from sqlalchemy.dialects.sqlite import insert

from dockrev.db.database import Database
from dockrev.db.schema import Moment, metadata

schedule_ticks = Table(
    "schedule_ticks",
    metadata,
    Column("schedule", String, primary_key=True),
    Column("last_at", Moment, nullable=False),
)


class TickStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def last(self, schedule: str) -> datetime | None:
        query = select(schedule_ticks.c.last_at).where(schedule_ticks.c.schedule == schedule)
        async with self._database.read() as connection:
            return await connection.scalar(query)

    async def record(self, schedule: str, moment: datetime) -> None:
        statement = insert(schedule_ticks).values(schedule=schedule, last_at=moment)
        statement = statement.on_conflict_do_update(
            index_elements=["schedule"], set_={"last_at": statement.excluded.last_at}
        )
        async with self._database.write() as connection:
            await connection.execute(statement)

    async def forget(self, schedule: str) -> None:
        """A schedule that is switched on again counts from then on."""
        async with self._database.write() as connection:
            await connection.execute(delete(schedule_ticks).where(schedule_ticks.c.schedule == schedule))
