"""Job log lines as server-sent events: first the stored lines, then the live ones."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence

import orjson

from dockrev.clock import timestamp
from dockrev.errors import AppError, Json
from dockrev.jobs.events import JobEventsFailed, JobFinished, JobLogged, stamp
from dockrev.jobs.feed import LogFeed, Subscription
from dockrev.jobs.models import Job, Level, LogRow
from dockrev.jobs.store import JobStore
from dockrev.web.server_event import ServerEvent
from dockrev.web.wire import dump

_BATCH = 200
_FINISHED = "job_finished"
_ANNOTATION_SECONDS = 2.0
"""How long a live stream waits for annotations after the end of its job."""


class JobStreams:
    """A stream reads the database when it opens; then its lines come from the feed.

    A stream that cannot go on sends one `job_events_error` event and ends.
    """

    def __init__(
        self, store: JobStore, feed: LogFeed, annotation_seconds: float = _ANNOTATION_SECONDS
    ) -> None:
        self._store = store
        self._feed = feed
        self._annotation_seconds = annotation_seconds

    async def every_job(self, after: int) -> AsyncGenerator[ServerEvent, None]:
        """The `event` lines of all jobs after `after`, without end."""
        try:
            with self._feed.subscribe() as subscription:
                lines = _Lines(self._store, subscription, None, after)
                async for row in lines.stored():
                    if row.level is Level.EVENT:
                        yield ServerEvent("job_event", _complete(row), row.id)
                while True:
                    async for row in lines.arriving():
                        if row.level is Level.EVENT:
                            yield ServerEvent("job_event", _complete(row), row.id)
        except AppError as error:
            yield _failure(error.message)

    async def one_job(self, job_id: str, after: int) -> AsyncGenerator[ServerEvent, None]:
        """Every line of one job after `after`, until the job has ended. Each stream sends the end event.

        A live reader also gets annotations that arrive soon after the end.
        """
        told_end = False
        try:
            with self._feed.subscribe(job_id) as subscription:
                job = await self._store.get(job_id)
                lines = _Lines(self._store, subscription, job_id, after)
                async for row in lines.stored():
                    event = _as_stored(row)
                    told_end = told_end or event.event == _FINISHED
                    yield event
                live = not job.status.terminal
                while live and not (told_end or lines.ended):
                    async for row in lines.arriving():
                        event = _as_stored(row)
                        told_end = told_end or event.event == _FINISHED
                        yield event
                if live and self._store.expects_annotations:
                    async for row in lines.arriving_within(self._annotation_seconds):
                        yield _as_stored(row)
            if not told_end:
                yield _finished(await self._store.get(job_id))
        except AppError as error:
            yield _failure(error.message, job_id)


class _Lines:
    """The lines after a position, for one reader. `job_id` None: those of all jobs."""

    def __init__(self, store: JobStore, subscription: Subscription, job_id: str | None, after: int) -> None:
        self._store = store
        self._subscription = subscription
        self._job_id = job_id
        self._last_id = after
        self._last_number = after if job_id is None else None
        """The lines of a job are numbered without a gap, and so are the ids of all lines."""
        self.ended = False
        """The job ended with a line that lies before the position."""

    async def stored(self) -> AsyncIterator[LogRow]:
        more = True
        while more:
            rows = await self._store.logs_after(self._last_id, _BATCH, self._job_id)
            more = len(rows) == _BATCH
            for row in rows:
                self._advance(row)
                yield row

    async def arriving(self, seconds: float | None = None) -> AsyncIterator[LogRow]:
        """Yields new lines, or none after `seconds`. Lines that the feed lost come from the database."""
        arrived = await self._subscription.next(seconds)
        rows = [row for row in arrived if row.id > self._last_id]
        self.ended = any(row.id <= self._last_id and _as_stored(row).event == _FINISHED for row in arrived)
        if rows and self._misses_lines(rows):
            async for row in self.stored():
                yield row
            return
        for row in rows:
            self._advance(row)
            yield row

    async def arriving_within(self, seconds: float) -> AsyncIterator[LogRow]:
        clock = asyncio.get_running_loop().time
        deadline = clock() + seconds
        while (left := deadline - clock()) > 0:
            async for row in self.arriving(left):
                yield row

    def _misses_lines(self, rows: Sequence[LogRow]) -> bool:
        if self._last_number is None:
            return True
        numbers = [self._number(row) for row in rows]
        return numbers != list(range(self._last_number + 1, self._last_number + 1 + len(rows)))

    def _number(self, row: LogRow) -> int:
        return row.id if self._job_id is None else row.seq

    def _advance(self, row: LogRow) -> None:
        self._last_id, self._last_number = row.id, self._number(row)


def _as_stored(row: LogRow) -> ServerEvent:
    if row.level is Level.EVENT:
        kind = (_object(row.message) or {}).get("type")
        return ServerEvent(kind if isinstance(kind, str) else "event", row.message, row.id)
    line = stamp(JobLogged(level=row.level, msg=row.message), row.job_id, row.at)
    return ServerEvent("job_log", orjson.dumps(line).decode(), row.id)


def _complete(row: LogRow) -> str:
    event = _object(row.message) or {"type": "job_event", "raw": row.message}
    document = {"jobId": row.job_id, "ts": timestamp(row.at), **event}
    return orjson.dumps(document).decode()


def _object(text: str) -> dict[str, Json] | None:
    """None for a line that is no JSON object: one damaged row does not end a stream."""
    try:
        document = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    return document if isinstance(document, dict) else None


def _finished(job: Job) -> ServerEvent:
    data = stamp(JobFinished(status=job.status), job.id, job.finished_at or job.created_at)
    return ServerEvent(_FINISHED, orjson.dumps(data).decode())


def _failure(message: str, job_id: str | None = None) -> ServerEvent:
    failed = JobEventsFailed(error=message, job_id=job_id)
    return ServerEvent(failed.type, dump(failed).decode())
