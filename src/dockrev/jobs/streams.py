"""Job log lines as server-sent events. What was stored and what happens now come from the same query."""

from collections.abc import AsyncGenerator, Sequence

import orjson

from dockrev.clock import timestamp
from dockrev.errors import AppError, Json
from dockrev.jobs.feed import LogFeed
from dockrev.jobs.models import Level, LogRow
from dockrev.jobs.store import JobStore
from dockrev.web.server_event import ServerEvent

_BATCH = 200


class JobStreams:
    """A stream that cannot go on says so with one `job_events_error` event, and ends."""

    def __init__(self, store: JobStore, feed: LogFeed) -> None:
        self._store = store
        self._feed = feed

    async def every_job(self, after: int) -> AsyncGenerator[ServerEvent, None]:
        """The `event` lines of all jobs after `after`, without end."""
        last = after
        try:
            with self._feed.added.watch() as changed:
                while True:
                    changed.clear()
                    while rows := await self._rows(last):
                        last = rows[-1].id
                        for row in rows:
                            if row.level is Level.EVENT:
                                yield ServerEvent("job_event", _complete(row), row.id)
                    await changed.wait()
        except AppError as error:
            yield _failure(error.message)

    async def one_job(self, job_id: str, after: int) -> AsyncGenerator[ServerEvent, None]:
        """Every line of one job after `after`; ends with `job_finished` once the job has ended."""
        last, event = after, None
        try:
            with self._feed.added.watch() as changed:
                while True:
                    changed.clear()
                    job = await self._store.get(job_id)
                    while rows := await self._rows(last, job_id):
                        last = rows[-1].id
                        for row in rows:
                            event = _as_stored(row)
                            yield event
                    if job.status.terminal:
                        break
                    await changed.wait()
            if event is None or event.event != "job_finished":
                yield _finished(job_id, job.status.value)
        except AppError as error:
            yield _failure(error.message, job_id)

    async def _rows(self, last_id: int, job_id: str | None = None) -> Sequence[LogRow]:
        recent = self._feed.after(last_id)
        if recent is None:
            return await self._store.logs_after(last_id, _BATCH, job_id)
        return recent if job_id is None else [row for row in recent if row.job_id == job_id]


def _as_stored(row: LogRow) -> ServerEvent:
    if row.level is Level.EVENT:
        kind = _object(row.message).get("type")
        return ServerEvent(kind if isinstance(kind, str) else "event", row.message, row.id)
    line: dict[str, Json] = {
        "type": "job_log",
        "jobId": row.job_id,
        "ts": timestamp(row.at),
        "level": row.level.value,
        "msg": row.message,
    }
    return ServerEvent("job_log", orjson.dumps(line).decode(), row.id)


def _complete(row: LogRow) -> str:
    document = {"jobId": row.job_id, "ts": timestamp(row.at), **_object(row.message)}
    return orjson.dumps(document).decode()


def _object(text: str) -> dict[str, Json]:
    document = orjson.loads(text)
    return document if isinstance(document, dict) else {"type": "job_event", "raw": text}


def _finished(job_id: str, status: str) -> ServerEvent:
    data: dict[str, Json] = {"type": "job_finished", "jobId": job_id, "status": status}
    return ServerEvent("job_finished", orjson.dumps(data).decode())


def _failure(message: str, job_id: str | None = None) -> ServerEvent:
    data: dict[str, Json] = {"type": "job_events_error", "error": message}
    if job_id:
        data["jobId"] = job_id
    return ServerEvent("job_events_error", orjson.dumps(data).decode())
