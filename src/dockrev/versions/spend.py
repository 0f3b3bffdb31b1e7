"""Requests that each registry was sent, by the hour: the only SQL for this table."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import Column, Integer, String, Table, delete, select
from sqlalchemy.dialects.sqlite import insert

from dockrev.db.database import Database
from dockrev.db.schema import Moment, metadata
from dockrev.registry.spending import Spend

registry_spend = Table(
    "registry_spend",
    metadata,
    Column("host", String, primary_key=True),
    Column("hour", Moment, primary_key=True),
    Column("requests", Integer, nullable=False),
)

_KEPT = timedelta(days=2)


class SpendStore:
    """A SpendLog: what registries were asked in the last day is still known after a restart."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def load(self, since: datetime) -> list[Spend]:
        query = select(registry_spend).where(registry_spend.c.hour >= since)
        async with self._database.read() as connection:
            return [Spend(row.host, row.hour, row.requests) for row in await connection.execute(query)]

    async def save(self, spends: Sequence[Spend]) -> None:
        """Forgets what is more than two days older than the newest of them."""
        if not spends:
            return
        oldest = max(spend.hour for spend in spends) - _KEPT
        statement = insert(registry_spend)
        async with self._database.write() as connection:
            await connection.execute(delete(registry_spend).where(registry_spend.c.hour < oldest))
            await connection.execute(
                statement.on_conflict_do_update(
                    index_elements=["host", "hour"], set_={"requests": statement.excluded.requests}
                ),
                [{"host": one.host, "hour": one.hour, "requests": one.requests} for one in spends],
            )
