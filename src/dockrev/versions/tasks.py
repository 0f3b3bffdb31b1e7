"""Stores the lookups that wait or run."""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Boolean, Column, Index, Integer, Row, String, Table, delete, false
from sqlalchemy.ext.asyncio import AsyncConnection

from dockrev.clock import parse_timestamp
from dockrev.db.database import Database
from dockrev.db.schema import Moment, metadata
from dockrev.db.upsert import upsert
from dockrev.oci.digest import Digest
from dockrev.oci.platform import Platform
from dockrev.versions.models import DigestKey, InferenceReason, InferenceTask, Lookup, TaskStatus
from dockrev.versions.rows import RowReader, strings

inference_tasks = Table(
    "inference_tasks",
    metadata,
    Column("repository", String, primary_key=True),
    Column("digest", String, primary_key=True),
    Column("platform", String, primary_key=True),
    Column("reason", String, nullable=False),
    Column("status", String, nullable=False),
    Column("enqueued_at", Moment, nullable=False),
    Column("started_at", Moment),
    Column("updated_at", Moment, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("not_before", Moment),
    Column("raw_tags", JSON, nullable=False, server_default="[]"),
    Column("labels", JSON, nullable=False, server_default="[]"),
    Column("runs", Boolean, nullable=False, server_default=false()),
    Index(None, "digest"),
)


class TaskStore:
    """Does not store progress, because the next process starts the lookup again."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._reader = task_reader()

    async def load(self) -> list[InferenceTask]:
        """Returns the stored tasks, the oldest first."""
        async with self._database.read() as connection:
            return sorted(await self._reader.read(connection), key=lambda task: task.enqueued_at)

    async def save(self, tasks: Collection[InferenceTask], dropped: Iterable[DigestKey] = ()) -> None:
        async with self._database.write() as connection:
            for key in dropped:
                await forget(connection, key)
            await upsert(connection, inference_tasks, [_row(task) for task in tasks])


async def forget(connection: AsyncConnection, key: DigestKey) -> None:
    """Runs in the caller's transaction, so that a task ends together with the write of its result."""
    table = inference_tasks.c
    await connection.execute(
        delete(inference_tasks).where(
            table.repository == key.repository,
            table.digest == key.digest,
            table.platform == str(key.platform),
        )
    )


def task_reader() -> RowReader[InferenceTask]:
    return RowReader(inference_tasks, _task)


def _task(row: Row[Any]) -> InferenceTask:
    return InferenceTask(
        lookup=Lookup(
            DigestKey(row.repository, Digest.parse(row.digest), Platform.parse(row.platform)),
            InferenceReason(row.reason),
            raw_tags=strings(row.raw_tags),
            labels=strings(row.labels),
            runs=bool(row.runs),
        ),
        enqueued_at=parse_timestamp(row.enqueued_at),
        updated_at=parse_timestamp(row.updated_at),
        status=TaskStatus(row.status),
        started_at=_moment(row.started_at),
        attempts=int(row.attempts),
        not_before=_moment(row.not_before),
    )


def _moment(text: str | None) -> datetime | None:
    return None if text is None else parse_timestamp(text)


def _row(task: InferenceTask) -> dict[str, object]:
    return {
        "repository": task.key.repository,
        "digest": task.key.digest,
        "platform": str(task.key.platform),
        "reason": task.reason.value,
        "status": task.status.value,
        "enqueued_at": task.enqueued_at,
        "started_at": task.started_at,
        "updated_at": task.updated_at,
        "attempts": task.attempts,
        "not_before": task.not_before,
        "raw_tags": list(task.lookup.raw_tags),
        "labels": list(task.lookup.labels),
        "runs": task.lookup.runs,
    }
