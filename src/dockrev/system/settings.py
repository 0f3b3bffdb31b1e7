"""Settings an operator may change while Dockrev runs, kept in the database with their defaults here."""

import structlog
from sqlalchemy import JSON, Column, String, Table, select
from sqlalchemy.dialects.sqlite import insert

from dockrev.clock import Clock
from dockrev.db.database import Database
from dockrev.db.schema import Moment, metadata
from dockrev.web.wire import Wire

log = structlog.get_logger()

settings = Table(
    "settings",
    metadata,
    Column("section", String, primary_key=True),
    Column("value", JSON, nullable=False),
    Column("updated_at", Moment, nullable=False),
    Column("updated_by", String, nullable=False),
)


class Schedule(Wire):
    """`cron`: five fields, or six with the seconds first; read in the server's time zone."""

    enabled: bool
    cron: str


class Schedules(Wire):
    update_check: Schedule = Schedule(enabled=False, cron="*/30 * * * *")


class SettingsStore:
    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def schedules(self) -> Schedules:
        """The defaults when nothing is stored, or nothing that makes sense."""
        query = select(settings.c.value).where(settings.c.section == "schedules")
        try:
            async with self._database.read() as connection:
                stored = await connection.scalar(query)
            return Schedules() if stored is None else Schedules.model_validate(stored)
        except ValueError:  # no JSON, or of another shape
            log.error(
                "The stored schedules cannot be read, so the defaults hold; save them anew",
                action="settings.invalid",
                section="schedules",
            )
            return Schedules()

    async def save_schedules(self, schedules: Schedules, changed_by: str) -> None:
        values = {
            "section": "schedules",
            "value": schedules.model_dump(by_alias=True),
            "updated_at": self._clock.now(),
            "updated_by": changed_by,
        }
        statement = insert(settings).values(values)
        statement = statement.on_conflict_do_update(index_elements=["section"], set_=values)
        async with self._database.write() as connection:
            await connection.execute(statement)
