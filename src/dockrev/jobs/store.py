"""Reads and writes jobs and their log lines."""

from collections.abc import Awaitable, Callable
from datetime import datetime

import orjson
import structlog
from sqlalchemy import ColumnElement, and_, delete, func, insert, literal, or_, select, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection

from dockrev.clock import Clock
from dockrev.db.database import Database
from dockrev.errors import Conflict, NotFound
from dockrev.jobs.events import Event, JobEvent, JobFinished, JobProgressed, stamp
from dockrev.jobs.feed import LogFeed
from dockrev.jobs.models import (
    Cursor,
    Exclusive,
    Job,
    JobFilter,
    JobOutcome,
    JobStatus,
    JobSummary,
    Level,
    Line,
    LogRow,
    NewJob,
    ProgressDocument,
    Terminated,
    Termination,
)
from dockrev.jobs.tables import job_logs, job_of, jobs, log_row_of, new_row

log = structlog.get_logger()

_UNFINISHED = (JobStatus.QUEUED, JobStatus.RUNNING)
_IS_UNFINISHED = jobs.c.status.in_(_UNFINISHED)


InTransaction = Callable[[AsyncConnection], Awaitable[None]]
"""Writes what belongs to a new job, in the transaction that records it."""

FinishedHook = Callable[[AsyncConnection, Job], Awaitable[None]]
"""Gets the job as it ended, and the transaction that ends it."""


class JobStore:
    """Every write also reaches the feed, after it is committed and in the order of its ids.

    A job that has ended takes no more progress, and of lines only annotations.
    """

    def __init__(self, database: Database, feed: LogFeed, clock: Clock) -> None:
        self._database = database
        self._feed = feed
        self._clock = clock
        self._finished_hooks: list[FinishedHook] = []
        self.expects_annotations = False
        """Whether annotations may follow the end of a job, so that live readers wait a moment for them."""

    def on_finished(self, hook: FinishedHook, *, annotates: bool = False) -> None:
        """Call `hook` whenever a job ends, however it ends, within the transaction that ends it.

        What the hook writes is committed together with the end. A hook that fails is logged, its writes are
        undone, and the job ends all the same. `annotates`: annotations will follow soon after the end.
        """
        self._finished_hooks.append(hook)
        self.expects_annotations = self.expects_annotations or annotates

    async def start(
        self, new: NewJob, exclusive: Exclusive | None, in_transaction: InTransaction | None = None
    ) -> list[str]:
        """Record the job as running. Raises Conflict, which names the other job, when the rule forbids it.

        `in_transaction` may raise Conflict as well; then nothing is recorded.
        Returns the ids of stale jobs that were closed to make room.
        """
        now, rows = self._clock.now(), []
        async with self._database.write() as connection:
            stale = await _make_room(connection, new, exclusive, now) if exclusive else []
            for job_id in stale:
                rows += await self._terminate(connection, job_id, Termination.STALE_CHECK, now)
            await connection.execute(insert(jobs).values(new_row(new, now)))
            if in_transaction:
                await in_transaction(connection)
        self._feed.publish(rows)
        return stale

    async def add_log(self, job_id: str, level: Level, message: str) -> None:
        async with self._database.write() as connection:
            row = await _add_line(connection, job_id, level, message, self._clock.now())
        self._publish(row)

    async def add_event(self, job_id: str, event: JobEvent) -> None:
        async with self._database.write() as connection:
            row = await _add_event(connection, job_id, event, self._clock.now())
        self._publish(row)

    async def events(self, job_id: str, model: type[Event]) -> list[Event]:
        """The events of this model, in their order."""
        kind = model.model_fields["type"].default
        query = select(job_logs.c.message).where(
            job_logs.c.job_id == job_id, job_logs.c.level == Level.EVENT, ~job_logs.c.is_progress
        )
        async with self._database.read() as connection:
            texts = await connection.scalars(query.order_by(job_logs.c.id))
            documents = [orjson.loads(text) for text in texts]
        return [model.model_validate(document) for document in documents if document["type"] == kind]

    async def set_progress(self, job_id: str, progress: ProgressDocument) -> None:
        """The newest progress replaces the one before, in the record and as the job's one progress event."""
        now = self._clock.now()
        async with self._database.write() as connection:
            event = JobProgressed.of(progress)
            row = await _add_event(connection, job_id, event, now, is_progress=True)
            if row:
                stored = update(jobs).where(jobs.c.id == job_id).values(progress=progress.document())
                await connection.execute(stored)
                await connection.execute(
                    delete(job_logs).where(
                        job_logs.c.job_id == job_id, job_logs.c.is_progress, job_logs.c.id < row.id
                    )
                )
        self._publish(row)

    async def annotate(self, job_id: str, text: str, level: Level = Level.INFO) -> None:
        """Add a line to a job that has ended, such as `notify: telegram=ok`. Nothing else is ever added.

        Raises NotFound, or Conflict while the job is unfinished.
        """
        async with self._database.write() as connection:
            row = await _add_line(connection, job_id, level, text, self._clock.now(), ended=True)
            if row is None:
                await _require_job(connection, job_id)
                raise Conflict("the job has not ended yet; an annotation follows the end")
        self._publish(row)

    def _publish(self, row: LogRow | None) -> None:
        if row:
            self._feed.publish([row])

    async def finish(self, job_id: str, outcome: JobOutcome, last_line: Line | None = None) -> None:
        """End the job once: a job that is already ended stays as it is."""
        async with self._database.write() as connection:
            rows = await self._finish(connection, job_id, outcome, self._clock.now(), last_line)
        self._feed.publish(rows)

    async def terminate(self, job_id: str, reason: Termination) -> None:
        async with self._database.write() as connection:
            rows = await self._terminate(connection, job_id, reason, self._clock.now())
        self._feed.publish(rows)

    async def _terminate(
        self, connection: AsyncConnection, job_id: str, reason: Termination, now: datetime
    ) -> list[LogRow]:
        ended = JobSummary(terminated=Terminated(reason=reason, at=now))
        warning = Line(Level.WARN, f"job ended unfinished: {reason.value}")
        return await self._finish(connection, job_id, JobOutcome(JobStatus.FAILED, ended), now, warning)

    async def _finish(
        self,
        connection: AsyncConnection,
        job_id: str,
        outcome: JobOutcome,
        now: datetime,
        last_line: Line | None,
    ) -> list[LogRow]:
        """Ends a job. All other methods that end jobs call this one."""
        last = last_line and await _add_line(connection, job_id, last_line.level, last_line.text, now)
        finished = await _add_event(connection, job_id, JobFinished(status=outcome.status), now)
        if finished is None:
            return []
        before = await connection.scalar(select(jobs.c.summary).where(jobs.c.id == job_id))
        await connection.execute(
            update(jobs)
            .where(jobs.c.id == job_id)
            .values(
                status=outcome.status, finished_at=now, summary=(before or {}) | outcome.summary.document()
            )
        )
        await self._call_hooks(connection, job_id)
        return [row for row in (last, finished) if row]

    async def _call_hooks(self, connection: AsyncConnection, job_id: str) -> None:
        job = await _require_job(connection, job_id)
        for hook in self._finished_hooks:
            try:
                async with connection.begin_nested():
                    await hook(connection, job)
            except OperationalError:
                raise  # the end is stored later, together with what the hook writes
            except Exception:
                log.exception("A hook of the end of a job failed", action="job.hook_failed", job_id=job_id)

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
            query = select(jobs).where(_IS_UNFINISHED).order_by(jobs.c.created_at, jobs.c.id)
            return [job_of(row) for row in await connection.execute(query)]

    async def get(self, job_id: str) -> Job:
        async with self._database.read() as connection:
            return await _require_job(connection, job_id)

    async def page(self, job_filter: JobFilter, limit: int, after: Cursor | None) -> list[Job]:
        """Newest first. Asks for one more than `limit`, so that a caller sees whether a next page exists."""
        query = select(jobs).where(*_conditions(job_filter))
        if after:
            older = jobs.c.created_at < after.created_at
            query = query.where(or_(older, and_(jobs.c.created_at == after.created_at, jobs.c.id < after.id)))
        query = query.order_by(jobs.c.created_at.desc(), jobs.c.id.desc()).limit(limit + 1)
        async with self._database.read() as connection:
            return [job_of(row) for row in await connection.execute(query)]

    async def newest_logs(self, job_id: str, limit: int) -> list[LogRow]:
        query = (
            select(job_logs).where(job_logs.c.job_id == job_id).order_by(job_logs.c.id.desc()).limit(limit)
        )
        async with self._database.read() as connection:
            return [log_row_of(row) for row in await connection.execute(query)][::-1]

    async def logs_after(self, last_id: int, limit: int, job_id: str | None = None) -> list[LogRow]:
        query = select(job_logs).where(job_logs.c.id > last_id).order_by(job_logs.c.id).limit(limit)
        if job_id:
            query = query.where(job_logs.c.job_id == job_id)
        async with self._database.read() as connection:
            return [log_row_of(row) for row in await connection.execute(query)]

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
    rivals = select(jobs.c.id, jobs.c.started_at).where(jobs.c.type == new.type, _IS_UNFINISHED)
    if not rule.any_target:
        rivals = rivals.where(
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


async def _require_job(connection: AsyncConnection, job_id: str) -> Job:
    row = (await connection.execute(select(jobs).where(jobs.c.id == job_id))).one_or_none()
    if row is None:
        raise NotFound("job not found")
    return job_of(row)


async def _add_line(
    connection: AsyncConnection,
    job_id: str,
    level: Level,
    message: str,
    now: datetime,
    *,
    is_progress: bool = False,
    ended: bool = False,
) -> LogRow | None:
    """None when the job is not there, or has ended (or has not ended, for `ended`)."""
    seq = await connection.scalar(
        update(jobs)
        .where(jobs.c.id == job_id, jobs.c.status.not_in(_UNFINISHED) if ended else _IS_UNFINISHED)
        .values(last_seq=jobs.c.last_seq + 1)
        .returning(jobs.c.last_seq)
    )
    if seq is None:
        return None
    values = {
        "job_id": job_id,
        "at": now,
        "level": level,
        "message": message,
        "is_progress": is_progress,
        "seq": seq,
    }
    row_id = await connection.scalar(insert(job_logs).values(values).returning(job_logs.c.id))
    return LogRow(int(row_id or 0), job_id, seq, now, level, message)


async def _add_event(
    connection: AsyncConnection,
    job_id: str,
    event: JobEvent,
    now: datetime,
    *,
    is_progress: bool = False,
) -> LogRow | None:
    text = orjson.dumps(stamp(event, job_id, now)).decode()
    return await _add_line(connection, job_id, Level.EVENT, text, now, is_progress=is_progress)


def _conditions(job_filter: JobFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if job_filter.types:
        conditions.append(jobs.c.type.in_(job_filter.types))
    if job_filter.status:
        conditions.append(jobs.c.status == job_filter.status)
    if job_filter.stack_id:
        conditions.append(jobs.c.stack_id == job_filter.stack_id)
    if job_filter.service_id:
        conditions.append(jobs.c.service_id == job_filter.service_id)
    return conditions
