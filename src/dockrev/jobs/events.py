"""The events that a job's log and the event streams carry, as JSON documents."""

from datetime import datetime
from typing import Any, Literal, TypeVar

from dockrev.clock import timestamp
from dockrev.jobs.models import JobStatus, Level, ProgressDocument
from dockrev.web.wire import Nullable, Timestamp, Wire


class JobEvent(Wire):
    """An event of a job. Features derive their own. The store adds `jobId` and `ts`."""

    type: str


class JobProgressed(JobEvent):
    """`total` 0 means unknown; `planned*` counts what was started, `current` what is done."""

    type: Literal["job_progress"] = "job_progress"
    phase: str
    message: str
    current: int
    total: int
    percent: int
    planned_current: Nullable[int]
    planned_total: Nullable[int]
    planned_percent: Nullable[int]
    current_target: Nullable[str]
    updated_at: Timestamp

    @classmethod
    def of(cls, progress: ProgressDocument) -> "JobProgressed":
        return cls(**dict(progress))


class JobFinished(JobEvent):
    """The last event of a job. Only annotations (`notify: ...`) may follow in its log."""

    type: Literal["job_finished"] = "job_finished"
    status: JobStatus


class JobLogged(JobEvent):
    """A line of the log, on the stream of one job."""

    type: Literal["job_log"] = "job_log"
    level: Level
    msg: str


class JobEventsFailed(Wire):
    """The stream cannot go on, and ends."""

    type: Literal["job_events_error"] = "job_events_error"
    error: str
    job_id: str | None = None


Event = TypeVar("Event", bound=JobEvent)


class Stamp(Wire):
    """The fields that `stamp` adds to an event."""

    job_id: str
    ts: Timestamp


def stamp(event: JobEvent, job_id: str, at: datetime) -> dict[str, Any]:
    """The event's document as it is stored and sent: with the id of its job and its time."""
    return {"type": event.type, "jobId": job_id, "ts": timestamp(at)} | event.document()
