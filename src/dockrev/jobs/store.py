"""The jobs and their log lines: the only SQL for these tables."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    ColumnElement,
    ForeignKey,
    Index,
    Integer,
    Row,
    String,
    Table,
    Text,
    and_,
    delete,
    func,
    insert,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from dockrev.clock import Clock, timestamp
from dockrev.db.database import Database
from dockrev.db.schema import Moment, metadata
from dockrev.errors import Conflict, Json, NotFound
from dockrev.jobs.feed import LogFeed
from dockrev.jobs.models import (
    BackupMode,
    Cursor,
    Exclusive,
    Job,
    JobFilter,
    JobOutcome,
    JobStatus,
    JobTarget,
    Level,
    Line,
    LogRow,
    NewJob,
    Scope,
    Termination,
)

jobs = Table(
    "jobs",
    metadata,
    Column("id", String, primary_key=True),
    Column("type", String, nullable=False),
    Column("scope", String, nullable=False),
    Column("stack_id", String),
    Column("service_id", String),
    Column("status", String, nullable=False),
    Column("created_by", String, nullable=False),
    Column("reason", String, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("started_at", Moment),
    Column("finished_at", Moment),
    Column("allow_arch_mismatch", Boolean, nullable=False),
    Column("backup_mode", String, nullable=False),
    Column("summary", JSON, nullable=False),
    Column("progress", JSON),
    Column("cancel_requested", Boolean, nullable=False, server_default="0"),
    Index(None, "created_at", "id"),
    Index(None, "status", "type"),
)

job_logs = Table(
    "job_logs",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("job_id", ForeignKey("jobs.id", ondelete="CASCADE"), nullable=False),
    Column("at", Moment, nullable=False),
    Column("level", String, nullable=False),
    Column("message", Text, nullable=False),
    Column("is_progress", Boolean, nullable=False),
    Index(None, "job_id", "id"),
    sqlite_autoincrement=True,
)

_UNFINISHED = (JobStatus.QUEUED, JobStatus.RUNNING)


Within = Callable[[AsyncConnection], Awaitable[None]]


class JobStore:
    """Every write also reaches the feed, after it is committed and in the order of its ids.

    A job that has ended takes no more lines and no more progress.
    """

    def __init__(self, database: Database, feed: LogFeed, clock: Clock) -> None:
        self._database = database
        self._feed = feed
        self._clock = clock

    async def start(
        self, new: NewJob, exclusive: Exclusive | None, within: Within | None = None
    ) -> list[str]:
        """Record the job as running, unless the rule forbids it: then Conflict names the job in its way.

        `within` writes what belongs to the job in the same transaction, and may raise Conflict as well.
        Returns the ids of stale jobs that were closed to make room.
        """
        now, rows = self._clock.now(), []
        async with self._database.write() as connection:
            stale = await _make_room(connection, new, exclusive, now) if exclusive else []
            for job_id in stale:
                rows += await _terminate(connection, job_id, Termination.STALE_CHECK, now)
            await connection.execute(insert(jobs).values(_new_row(new, now)))
            if within:
                await within(connection)
        self._feed.publish(rows)
        return stale

    async def add_log(self, job_id: str, level: Level, message: str) -> None:
        async with self._database.write() as connection:
            if not await _unfinished(connection, job_id):
                return
            row = await _add_log(connection, job_id, level, message, self._clock.now())
        self._feed.publish([row])

    async def add_event(self, job_id: str, kind: str, fields: Mapping[str, Json]) -> None:
        now = self._clock.now()
        async with self._database.write() as connection:
            if not await _unfinished(connection, job_id):
                return
            row = await _add_event(connection, job_id, kind, fields, now)
        self._feed.publish([row])

    async def events(self, job_id: str, kind: str) -> list[Mapping[str, Json]]:
        """The events of this kind, in their order."""
        query = select(job_logs.c.message).where(
            job_logs.c.job_id == job_id, job_logs.c.level == Level.EVENT, ~job_logs.c.is_progress
        )
        async with self._database.read() as connection:
            texts = await connection.scalars(query.order_by(job_logs.c.id))
            documents = [orjson.loads(text) for text in texts]
        return [document for document in documents if document["type"] == kind]

    async def set_progress(self, job_id: str, progress: Mapping[str, Json]) -> None:
        """The newest progress replaces the one before, in the record and as the job's one progress event."""
        now = self._clock.now()
        async with self._database.write() as connection:
            if not await _unfinished(connection, job_id):
                return
            await connection.execute(
                delete(job_logs).where(job_logs.c.job_id == job_id, job_logs.c.is_progress)
            )
            await connection.execute(update(jobs).where(jobs.c.id == job_id).values(progress=progress))
            row = await _add_event(connection, job_id, "job_progress", progress, now, is_progress=True)
        self._feed.publish([row])

    async def finish(self, job_id: str, outcome: JobOutcome, last_line: Line | None = None) -> None:
        """End the job once: a job that is already ended stays as it is."""
        async with self._database.write() as connection:
            rows = await _finish(connection, job_id, outcome, self._clock.now(), last_line)
        self._feed.publish(rows)

    async def terminate(self, job_id: str, reason: Termination) -> None:
        async with self._database.write() as connection:
            rows = await _terminate(connection, job_id, reason, self._clock.now())
        self._feed.publish(rows)

    async def request_cancel(self, job_id: str) -> None:
        """Raises NotFound, or Conflict for a job that has ended."""
        async with self._database.write() as connection:
            status = await connection.scalar(select(jobs.c.status).where(jobs.c.id == job_id))
            if status is None:
                raise NotFound("job not found")
            if JobStatus(status).terminal:
                raise Conflict("the job has ended already", {"status": status})
            await connection.execute(update(jobs).where(jobs.c.id == job_id).values(cancel_requested=True))

    async def unfinished(self) -> list[Job]:
        async with self._database.read() as connection:
            found = await connection.execute(select(jobs).where(jobs.c.status.in_(_UNFINISHED)))
            return [_job(row) for row in found]

    async def get(self, job_id: str) -> Job:
        async with self._database.read() as connection:
            row = (await connection.execute(select(jobs).where(jobs.c.id == job_id))).one_or_none()
        if row is None:
            raise NotFound("job not found")
        return _job(row)

    async def page(self, wanted: JobFilter, limit: int, after: Cursor | None) -> list[Job]:
        """Newest first. Asks for one more than `limit`, so that a caller sees whether a next page exists."""
        query = select(jobs).where(*_conditions(wanted))
        if after:
            older = jobs.c.created_at < after.created_at
            query = query.where(or_(older, and_(jobs.c.created_at == after.created_at, jobs.c.id < after.id)))
        query = query.order_by(jobs.c.created_at.desc(), jobs.c.id.desc()).limit(limit + 1)
        async with self._database.read() as connection:
            return [_job(row) for row in await connection.execute(query)]

    async def newest_logs(self, job_id: str, limit: int) -> list[LogRow]:
        query = (
            select(job_logs).where(job_logs.c.job_id == job_id).order_by(job_logs.c.id.desc()).limit(limit)
        )
        async with self._database.read() as connection:
            return [_log_row(row) for row in await connection.execute(query)][::-1]

    async def logs_after(self, last_id: int, limit: int, job_id: str | None = None) -> list[LogRow]:
        query = select(job_logs).where(job_logs.c.id > last_id).order_by(job_logs.c.id).limit(limit)
        if job_id:
            query = query.where(job_logs.c.job_id == job_id)
        async with self._database.read() as connection:
            return [_log_row(row) for row in await connection.execute(query)]

    async def last_log_id(self) -> int:
        async with self._database.read() as connection:
            return await connection.scalar(select(func.coalesce(func.max(job_logs.c.id), 0))) or 0

    async def delete_finished_before(self, moment: datetime, limit: int) -> list[str]:
        """Delete at most `limit` jobs that ended before `moment`, with their logs; returns their ids."""
        old = select(jobs.c.id).where(jobs.c.finished_at < moment).order_by(jobs.c.finished_at).limit(limit)
        async with self._database.write() as connection:
            ids = list((await connection.scalars(old)).all())
            await connection.execute(delete(jobs).where(jobs.c.id.in_(ids)))
        return ids


async def _make_room(connection: AsyncConnection, new: NewJob, rule: Exclusive, now: datetime) -> list[str]:
    target = new.target
    rivals = select(jobs.c.id, jobs.c.started_at).where(
        jobs.c.type == new.type,
        jobs.c.status.in_(_UNFINISHED),
        jobs.c.scope == target.scope,
        jobs.c.stack_id == target.stack_id if target.stack_id else literal(True),
        jobs.c.service_id == target.service_id if target.service_id else literal(True),
    )
    stale = []
    for job_id, started_at in await connection.execute(rivals):
        if rule.stale_after is None or started_at is None or now - started_at <= rule.stale_after:
            raise Conflict(f"{new.type.replace('_', ' ')} already running", {"existingJobId": job_id})
        stale.append(job_id)
    return stale


async def _unfinished(connection: AsyncConnection, job_id: str) -> bool:
    query = select(jobs.c.id).where(jobs.c.id == job_id, jobs.c.status.in_(_UNFINISHED))
    return await connection.scalar(query) is not None


async def _add_log(
    connection: AsyncConnection,
    job_id: str,
    level: Level,
    message: str,
    now: datetime,
    *,
    is_progress: bool = False,
) -> LogRow:
    values = {
        "job_id": job_id,
        "at": now,
        "level": level,
        "message": message,
        "is_progress": is_progress,
    }
    row_id = await connection.scalar(insert(job_logs).values(values).returning(job_logs.c.id))
    return LogRow(int(row_id or 0), job_id, now, level, message)


async def _add_event(
    connection: AsyncConnection,
    job_id: str,
    kind: str,
    fields: Mapping[str, Json],
    now: datetime,
    *,
    is_progress: bool = False,
) -> LogRow:
    document = {"type": kind, "jobId": job_id, "ts": timestamp(now), **fields}
    text = orjson.dumps(document).decode()
    return await _add_log(connection, job_id, Level.EVENT, text, now, is_progress=is_progress)


async def _finish(
    connection: AsyncConnection, job_id: str, outcome: JobOutcome, now: datetime, last_line: Line | None
) -> list[LogRow]:
    stored = await connection.scalar(
        select(jobs.c.summary).where(jobs.c.id == job_id, jobs.c.status.in_(_UNFINISHED))
    )
    if stored is None:
        return []
    await connection.execute(
        update(jobs)
        .where(jobs.c.id == job_id)
        .values(status=outcome.status, finished_at=now, summary={**stored, **outcome.summary})
    )
    finished = {"status": outcome.status.value}
    rows = [await _add_log(connection, job_id, last_line.level, last_line.text, now)] if last_line else []
    return [*rows, await _add_event(connection, job_id, "job_finished", finished, now)]


async def _terminate(
    connection: AsyncConnection, job_id: str, reason: Termination, now: datetime
) -> list[LogRow]:
    ended: Mapping[str, Json] = {"terminated": {"reason": reason.value, "at": timestamp(now)}}
    warning = Line(Level.WARN, f"job ended unfinished: {reason.value}")
    return await _finish(connection, job_id, JobOutcome(JobStatus.FAILED, ended), now, warning)


def _conditions(wanted: JobFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.types:
        conditions.append(jobs.c.type.in_(wanted.types))
    if wanted.status:
        conditions.append(jobs.c.status == wanted.status)
    if wanted.stack_id:
        conditions.append(jobs.c.stack_id == wanted.stack_id)
    if wanted.service_id:
        conditions.append(jobs.c.service_id == wanted.service_id)
    return conditions


def _new_row(new: NewJob, now: datetime) -> dict[str, object]:
    return {
        "id": new.id,
        "type": new.type,
        "scope": new.target.scope,
        "stack_id": new.target.stack_id,
        "service_id": new.target.service_id,
        "status": JobStatus.RUNNING,
        "created_by": new.created_by,
        "reason": new.reason,
        "created_at": now,
        "started_at": now,
        "allow_arch_mismatch": new.allow_arch_mismatch,
        "backup_mode": new.backup_mode,
        "summary": dict(new.summary),
    }


def _job(row: Row[Any]) -> Job:
    return Job(
        id=row.id,
        type=row.type,
        target=JobTarget(Scope(row.scope), row.stack_id, row.service_id),
        status=JobStatus(row.status),
        created_by=row.created_by,
        reason=row.reason,
        created_at=row.created_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
        allow_arch_mismatch=row.allow_arch_mismatch,
        backup_mode=BackupMode(row.backup_mode),
        summary=row.summary,
        progress=row.progress,
        cancel_requested=row.cancel_requested,
    )


def _log_row(row: Row[Any]) -> LogRow:
    return LogRow(row.id, row.job_id, row.at, Level(row.level), row.message)
