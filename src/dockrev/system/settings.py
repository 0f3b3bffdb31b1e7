"""Settings an operator may change while Dockrev runs, kept in the database with their defaults here."""

from enum import StrEnum
from typing import TypeVar

import structlog
from sqlalchemy import JSON, Column, String, Table, select
from sqlalchemy.dialects.sqlite import insert

from dockrev.clock import Clock
from dockrev.db.database import Database
from dockrev.db.schema import Moment, metadata
from dockrev.web.wire import Wire

log = structlog.get_logger()

Section = TypeVar("Section", bound=Wire)

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


class SuspendMode(StrEnum):
    """What becomes of the containers that write to the data while it is read."""

    LIVE = "live"
    PAUSE = "pause"
    STOP = "stop"


class BackupSettings(Wire):
    """`skip_targets_over_bytes` counts for targets whose choice is `inherit`.

    `keep_last` counts for each stack. A backup is deleted `delete_after_stable_seconds` after the success of
    the update that it was made for, at the earliest.
    """

    enabled: bool = True
    require_success: bool = True
    base_dir: str = "/data/backups"
    skip_targets_over_bytes: int = 104857600
    mode: SuspendMode = SuspendMode.LIVE
    restore_data_on_rollback: bool = False
    keep_last: int = 1
    delete_after_stable_seconds: int = 3600


class UpdateSettings(Wire):
    """How long a container without a healthcheck is watched, and the longest wait for one that has one."""

    stability_seconds: int = 10
    health_deadline_cap_seconds: int = 900


class SettingsStore:
    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def schedules(self) -> Schedules:
        return await self._section("schedules", Schedules)

    async def save_schedules(self, schedules: Schedules, changed_by: str) -> None:
        await self._save("schedules", schedules, changed_by)

    async def backup(self) -> BackupSettings:
        return await self._section("backup", BackupSettings)

    async def save_backup(self, backup: BackupSettings, changed_by: str) -> None:
        await self._save("backup", backup, changed_by)

    async def updates(self) -> UpdateSettings:
        return await self._section("updates", UpdateSettings)

    async def save_updates(self, updates: UpdateSettings, changed_by: str) -> None:
        await self._save("updates", updates, changed_by)

    async def _section(self, name: str, shape: type[Section]) -> Section:
        """What is stored, over the defaults: a release may know more fields than the one that stored it.

        The defaults alone when nothing is stored, or nothing that makes sense.
        """
        query = select(settings.c.value).where(settings.c.section == name)
        try:
            async with self._database.read() as connection:
                stored = await connection.scalar(query)
            return shape() if stored is None else shape.model_validate(stored)
        except ValueError:  # no JSON, or of another shape
            log.error(
                f"The stored {name} settings cannot be read, so the defaults hold; save them anew",
                action="settings.invalid",
                section=name,
            )
            return shape()

    async def _save(self, name: str, section: Wire, changed_by: str) -> None:
        values = {
            "section": name,
            "value": section.model_dump(mode="json", by_alias=True),
            "updated_at": self._clock.now(),
            "updated_by": changed_by,
        }
        statement = insert(settings).values(values)
        statement = statement.on_conflict_do_update(index_elements=["section"], set_=values)
        async with self._database.write() as connection:
            await connection.execute(statement)
