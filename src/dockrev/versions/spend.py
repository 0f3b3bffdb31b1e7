"""Stores how many requests each registry was sent in each hour."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Column, Integer, Row, String, Table, delete

from dockrev.clock import parse_timestamp
from dockrev.db.database import Database
from dockrev.db.schema import Moment, metadata
from dockrev.db.upsert import upsert
from dockrev.http.request_counter import HourlyRequests, RequestCounter, first_hour
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
    """Keeps the counts of a RequestCounter, so that they are still there after a restart."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._reader = RowReader(registry_spend, _hourly_requests)

    async def restore(self, counter: RequestCounter, now: datetime) -> None:
        """Adds the counts of the last 24 hours to `counter`. Call it once."""
        async with self._database.read() as connection:
            saved = await self._reader.read(connection)
        counter.restore(count for count in saved if count.hour >= first_hour(now))

    async def save(self, counter: RequestCounter) -> None:
        """Writes the counts that changed since the last save, and deletes counts that are two days older.

        When it raises StorageError, the next call saves the same counts again.
        """
        counts = counter.unsaved()
        if not counts:
            return
        oldest = max(count.hour for count in counts) - _KEPT
        rows = [{"host": each.host, "hour": each.hour, "requests": each.requests} for each in counts]
        async with self._database.write() as connection:
            await connection.execute(delete(registry_spend).where(registry_spend.c.hour < oldest))
            await upsert(connection, registry_spend, rows)
        counter.mark_saved(counts)


def _hourly_requests(row: Row[Any]) -> HourlyRequests:
    return HourlyRequests(row.host, parse_timestamp(row.hour), int(row.requests))
