"""The models of jobs of every kind."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from dockrev.errors import Json
from dockrev.hosts.local import LOCAL
from dockrev.web.wire import Timestamp, Wire


class Scope(StrEnum):
    SERVICE = "service"
    STACK = "stack"
    ALL = "all"


class JobStatus(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    SUCCESS = "success"
    FAILED = "failed"
    ROLLED_BACK = "rolled_back"

    @property
    def terminal(self) -> bool:
        return self not in (JobStatus.QUEUED, JobStatus.RUNNING)


class Reason(StrEnum):
    UI = "ui"
    WEBHOOK = "webhook"
    SCHEDULE = "schedule"


class BackupMode(StrEnum):
    INHERIT = "inherit"
    SKIP = "skip"
    FORCE = "force"


class Level(StrEnum):
    INFO = "info"
    WARN = "warn"
    ERROR = "error"
    EVENT = "event"


class Termination(StrEnum):
    """The reason why something other than its own work ended a job."""

    SERVER_RESTART = "server_restart"
    SERVER_SHUTDOWN = "server_shutdown"
    STALE_CHECK = "stale_check"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class JobTarget:
    """The target of a job. The scope decides which ids are set."""

    scope: Scope
    stack_id: str | None = None
    service_id: str | None = None


@dataclass(frozen=True, slots=True)
class JobProgress:
    """`total` 0 means unknown. `planned*` counts what was started, `current` what is done."""

    phase: str
    message: str
    current: int
    total: int
    planned_current: int | None = None
    current_target: str | None = None
    exact_percent: int | None = None
    """Replaces the computed percentage when a job can measure its work within one unit."""

    @property
    def percent(self) -> int:
        return _percent(self.current, self.total) if self.exact_percent is None else self.exact_percent

    @property
    def planned_percent(self) -> int | None:
        return None if self.planned_current is None else _percent(self.planned_current, self.total)


class ProgressDocument(Wire):
    """The stored and shown form of `JobProgress`."""

    phase: str
    message: str
    current: int
    total: int
    percent: int
    planned_current: int | None = None
    planned_total: int | None = None
    planned_percent: int | None = None
    current_target: str | None = None
    updated_at: Timestamp

    @classmethod
    def of(cls, progress: JobProgress, now: datetime) -> "ProgressDocument":
        return cls(
            phase=progress.phase,
            message=progress.message,
            current=progress.current,
            total=progress.total,
            percent=progress.percent,
            planned_current=progress.planned_current,
            planned_total=None if progress.planned_current is None else progress.total,
            planned_percent=progress.planned_percent,
            current_target=progress.current_target,
            updated_at=now,
        )


class Terminated(Wire):
    """Something other than its own work ended the job."""

    reason: Termination
    at: Timestamp


class JobSummary(Wire):
    """What a job did. Features derive their own.

    Every field is optional: a job that runs, failed early or was interrupted has only some values.
    """

    error: str | None = None
    terminated: Terminated | None = None
    progress: ProgressDocument | None = None


def _percent(part: int, total: int) -> int:
    return 100 * part // total if total else 0


@dataclass(frozen=True, slots=True)
class NewJob:
    id: str
    type: str
    target: JobTarget
    created_by: str
    reason: Reason
    allow_arch_mismatch: bool = False
    backup_mode: BackupMode = BackupMode.INHERIT
    summary: JobSummary = field(default_factory=JobSummary)
    """The first contents of the record of a job."""
    host_id: str = LOCAL
    """The Docker host that the job works on."""


@dataclass(frozen=True, slots=True)
class Job:
    id: str
    type: str
    target: JobTarget
    status: JobStatus
    created_by: str
    reason: str
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    allow_arch_mismatch: bool
    backup_mode: BackupMode
    summary: Mapping[str, Json]
    """The stored summary, maybe of an earlier release. `read_leniently` parses it as that of its kind."""
    progress: Mapping[str, Json] | None
    cancel_requested: bool = False
    host_id: str = LOCAL


@dataclass(frozen=True, slots=True)
class LogRow:
    """One line of a job's log. `id` grows over all jobs, `seq` counts within the job; both survive restarts.

    A line of level `event` holds a JSON object in `message`; all others hold text.
    """

    id: int
    job_id: str
    seq: int
    at: datetime
    level: Level
    message: str


@dataclass(frozen=True, slots=True)
class Line:
    """What a job has to say."""

    level: Level
    text: str


@dataclass(frozen=True, slots=True)
class JobOutcome:
    status: JobStatus
    summary: JobSummary


@dataclass(frozen=True, slots=True)
class Exclusive:
    """At most one unfinished job of a type for the same target, or with `any_target` of a type.

    One that started longer than `stale_after` ago is closed as failed and makes room.
    """

    stale_after: timedelta | None = None
    any_target: bool = False


@dataclass(frozen=True, slots=True)
class JobFilter:
    types: frozenset[str] = frozenset()
    status: JobStatus | None = None
    stack_id: str | None = None
    service_id: str | None = None


@dataclass(frozen=True, slots=True)
class Cursor:
    """The last job of the page before: the next page starts right after it."""

    created_at: datetime
    id: str
