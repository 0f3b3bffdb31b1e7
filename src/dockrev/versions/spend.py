"""Requests that each registry was sent, by the hour: the only SQL for this table."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Column, Integer, Row, String, Table, delete
from sqlalchemy.dialects.sqlite import insert

from dockrev.clock import parse_timestamp
from dockrev.db.database import Database
from dockrev.db.schema import Moment, metadata
from dockrev.registry.spending import Spend
from dockrev.versions.rows import RowReader

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
        self._reader = RowReader(registry_spend, _spend)

    async def load(self, since: datetime) -> list[Spend]:
        async with self._database.write() as connection:
            return [spend for spend in await self._reader.mend(connection) if spend.hour >= since]

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


def _spend(row: Row[Any]) -> Spend:
    return Spend(row.host, parse_timestamp(row.hour), int(row.requests))
