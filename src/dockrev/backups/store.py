"""Stores the records of backups and of held containers: the only SQL for these tables."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    Row,
    String,
    Table,
    Text,
    delete,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from dockrev.backups.manifest import Head
from dockrev.backups.models import Backup, HeldContainer, RecordStatus
from dockrev.backups.settings import HoldMode
from dockrev.clock import Clock
from dockrev.db.database import Database
from dockrev.db.schema import Moment, metadata
from dockrev.db.upsert import upsert
from dockrev.docker.data import BackupTarget
from dockrev.errors import NotFound
from dockrev.hosts.local import LOCAL

backups = Table(
    "backups",
    metadata,
    Column("id", String, primary_key=True),
    Column("host_id", String, ForeignKey("hosts.id"), nullable=False, server_default=LOCAL),
    Column("stack_id", String, nullable=False),
    Column("project", String, nullable=False),
    Column("job_id", ForeignKey("jobs.id", ondelete="SET NULL")),
    Column("status", String, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("finished_at", Moment),
    Column("artifact_path", String, nullable=False),
    Column("size_bytes", Integer),
    Column("targets", JSON, nullable=False),
    Column("error", Text),
    Column("cleanup_after", Moment),
    Column("deleted_at", Moment),
    Index(None, "stack_id", "created_at"),
)
"""A record outlives its stack and its job, because the archive still exists."""

suspended_containers = Table(
    "suspended_containers",
    metadata,
    Column("host_id", String, ForeignKey("hosts.id"), nullable=False, server_default=LOCAL),
    Column("container_id", String, primary_key=True),
    Column("name", String, nullable=False),
    Column("position", Integer, nullable=False, server_default="0"),
    Column("mode", String, nullable=False),
    Column("for_restore", Boolean, nullable=False, server_default="0"),
    Column("backup_id", ForeignKey("backups.id", ondelete="CASCADE"), nullable=False),
)
"""`position` is the order of the holds."""

_last_position = func.coalesce(func.max(suspended_containers.c.position), 0)
_next_position = select(_last_position + 1).scalar_subquery()

_KEPT = (backups.c.status == RecordStatus.SUCCESS, backups.c.deleted_at.is_(None))


class BackupStore:
    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def begin(
        self, head: Head, artifact_path: str, targets: Sequence[BackupTarget], host_id: str = LOCAL
    ) -> None:
        """Records the backup. Call it before any file exists, so that a crash leaves no unrecorded file."""
        values = {
            "id": head.backup_id,
            "host_id": host_id,
            "stack_id": head.stack_id,
            "project": head.project,
            "job_id": head.job_id,
            "status": RecordStatus.RUNNING,
            "created_at": head.created_at,
            "artifact_path": artifact_path,
            "targets": [target.as_json() for target in targets],
        }
        async with self._database.write(durable=True) as connection:
            await connection.execute(insert(backups).values(values))

    async def succeed(self, backup_id: str, size_bytes: int) -> None:
        await self._end(backup_id, status=RecordStatus.SUCCESS, size_bytes=size_bytes)

    async def fail(self, backup_id: str, error: str) -> None:
        await self._end(backup_id, status=RecordStatus.FAILED, error=error)

    async def _end(self, backup_id: str, **values: object) -> None:
        statement = update(backups).where(backups.c.id == backup_id, backups.c.status == RecordStatus.RUNNING)
        async with self._database.write(durable=True) as connection:
            await connection.execute(statement.values(finished_at=self._clock.now(), **values))

    async def set_cleanup_after(
        self, connection: AsyncConnection, job_id: str, cleanup_after: datetime
    ) -> None:
        await connection.execute(
            update(backups).where(backups.c.job_id == job_id).values(cleanup_after=cleanup_after)
        )

    async def mark_deleted(self, backup_id: str) -> None:
        """Records that the file was deleted. The record stays."""
        async with self._database.write() as connection:
            await connection.execute(
                update(backups).where(backups.c.id == backup_id).values(deleted_at=self._clock.now())
            )

    async def get(self, backup_id: str) -> Backup:
        async with self._database.read() as connection:
            rows = await connection.execute(select(backups).where(backups.c.id == backup_id))
            row = rows.one_or_none()
        if row is None:
            raise NotFound(f"there is no backup {backup_id}")
        return _backup(row)

    async def all(self) -> list[Backup]:
        """All backups, newest first, including failed and deleted ones."""
        return await self._list()

    async def unfinished(self) -> list[Backup]:
        return await self._list(backups.c.status == RecordStatus.RUNNING)

    async def kept(self) -> list[Backup]:
        """The backups whose file should exist, newest first."""
        return await self._list(*_KEPT)

    async def _list(self, *conditions: Any) -> list[Backup]:
        query = select(backups).where(*conditions).order_by(backups.c.created_at.desc(), backups.c.id.desc())
        async with self._database.read() as connection:
            return [_backup(row) for row in await connection.execute(query)]

    async def record_hold(self, backup_id: str, container: HeldContainer) -> None:
        """Records a hold. Call it before the hold. A second record for the same container changes nothing."""
        values = {
            "host_id": container.host_id,
            "container_id": container.container_id,
            "name": container.name,
            "mode": container.mode,
            "for_restore": container.for_restore,
            "backup_id": backup_id,
            "position": _next_position,
        }
        async with self._database.write(durable=True) as connection:
            await upsert(connection, suspended_containers, [values], update=())

    async def held_containers(self, backup_id: str | None = None) -> list[HeldContainer]:
        """The held containers, in the order of their holds."""
        query = select(suspended_containers).order_by(suspended_containers.c.position)
        if backup_id:
            query = query.where(suspended_containers.c.backup_id == backup_id)
        async with self._database.read() as connection:
            rows = await connection.execute(query)
            return [
                HeldContainer(row.host_id, row.container_id, row.name, HoldMode(row.mode), row.for_restore)
                for row in rows
            ]

    async def awaiting_restore(self) -> set[str]:
        """The backups whose restore has stopped containers, and has to succeed before they run again."""
        query = select(suspended_containers.c.backup_id).where(suspended_containers.c.for_restore)
        async with self._database.read() as connection:
            return set((await connection.scalars(query)).all())

    async def forget_hold(self, container_id: str) -> None:
        async with self._database.write(durable=True) as connection:
            await connection.execute(
                delete(suspended_containers).where(suspended_containers.c.container_id == container_id)
            )


def _backup(row: Row[Any]) -> Backup:
    return Backup(
        id=row.id,
        host_id=row.host_id,
        stack_id=row.stack_id,
        project=row.project,
        job_id=row.job_id,
        status=RecordStatus(row.status),
        created_at=row.created_at,
        finished_at=row.finished_at,
        artifact_path=row.artifact_path,
        size_bytes=row.size_bytes,
        targets=tuple(BackupTarget.from_json(target) for target in row.targets),
        error=row.error,
        cleanup_after=row.cleanup_after,
        deleted_at=row.deleted_at,
    )
