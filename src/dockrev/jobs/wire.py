"""Jobs as the API shows them."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import SerializeAsAny, ValidationError, create_model

from dockrev.errors import Json
from dockrev.jobs.events import JobEventsFailed, JobFinished, JobLogged, JobProgressed, Stamp
from dockrev.jobs.kinds import JobKind
from dockrev.jobs.models import (
    BackupMode,
    Job,
    JobStatus,
    JobSummary,
    Level,
    LogRow,
    ProgressDocument,
    Scope,
)
from dockrev.web.event_schema import EventSchema, stamped
from dockrev.web.wire import Timestamp, Wire, by_type, read_leniently


class JobOut(Wire):
    """The document has one model for each kind of job. Its `type` says which, and its `summary` is typed."""

    id: str
    type: str
    host_id: str
    """The Docker host that the job works on."""
    scope: Scope
    stack_id: str | None = None
    service_id: str | None = None
    status: JobStatus
    created_by: str
    reason: str
    created_at: Timestamp
    started_at: Timestamp | None = None
    finished_at: Timestamp | None = None
    allow_arch_mismatch: bool
    backup_mode: BackupMode
    summary: SerializeAsAny[JobSummary]
    progress: ProgressDocument | None = None


class LogLineOut(Wire):
    ts: Timestamp
    level: Level
    msg: str


class JobDetailOut(JobOut):
    logs: list[LogLineOut]
    logs_last_id: int


class JobListAnswer(Wire):
    jobs: list[JobOut]
    next_cursor: str | None = None


class JobAnswer(Wire):
    job: JobDetailOut


class JobRunning(Wire):
    """The details of a 409: an unfinished job conflicts with the new one."""

    existing_job_id: str


class JobEnded(Wire):
    """The details of a 409: the job cannot be cancelled any more."""

    status: JobStatus


class JobDocuments:
    """Builds the API answers about jobs of these kinds, and their models in the OpenAPI document."""

    def __init__(self, kinds: Sequence[JobKind]) -> None:
        self._summaries: Mapping[str, type[JobSummary]] = {kind.type: kind.summary for kind in kinds}
        jobs: Any = list[self._union_of(JobOut)]  # type: ignore[misc]  # a type made at run time
        self.list_answer = create_model("JobListAnswer", __base__=JobListAnswer, jobs=(jobs, ...))
        job = self._union_of(JobDetailOut)
        self.answer = create_model("JobAnswer", __base__=JobAnswer, job=(job, ...))
        own = [event for kind in kinds for event in kind.events]
        sent = [stamped(event, Stamp) for event in (JobProgressed, *own, JobFinished)]
        events: list[type[Wire]] = [*sent, JobEventsFailed]
        self.events = EventSchema("JobEvent", events)
        self.lines = EventSchema("JobLine", [stamped(JobLogged, Stamp), *events])

    def _union_of(self, base: type[JobOut]) -> Any:
        """One model for each kind of job, told apart by `type`."""
        name = base.__name__.removesuffix("Out")
        models: list[type[Wire]] = []
        for kind, summary in self._summaries.items():
            literal: Any = Literal[kind]
            fields: Any = {"type": (literal, ...), "summary": (summary, ...)}
            models.append(create_model(f"{_title(kind)}{name}", __base__=base, **fields))
        return by_type(models)

    def job(self, job: Job) -> JobOut:
        return JobOut(**self._fields(job))

    def detail(self, job: Job, logs: list[LogRow]) -> JobDetailOut:
        """`logs` oldest first."""
        lines = [LogLineOut(ts=row.at, level=row.level, msg=row.message) for row in logs]
        return JobDetailOut(**self._fields(job), logs=lines, logs_last_id=logs[-1].id if logs else 0)

    def _fields(self, job: Job) -> dict[str, Any]:
        progress = _progress(job.progress)
        summary = read_leniently(self._summaries.get(job.type, JobSummary), job.summary)
        return {
            "id": job.id,
            "type": job.type,
            "host_id": job.host_id,
            "scope": job.target.scope,
            "stack_id": job.target.stack_id,
            "service_id": job.target.service_id,
            "status": job.status,
            "created_by": job.created_by,
            "reason": job.reason,
            "created_at": job.created_at,
            "started_at": job.started_at,
            "finished_at": job.finished_at,
            "allow_arch_mismatch": job.allow_arch_mismatch,
            "backup_mode": job.backup_mode,
            "summary": summary.model_copy(update={"progress": progress}),
            "progress": progress,
        }


def _progress(stored: Mapping[str, Json] | None) -> ProgressDocument | None:
    if stored is None:
        return None
    try:
        return read_leniently(ProgressDocument, stored)
    except ValidationError:
        return None  # an earlier release told less


def _title(kind: str) -> str:
    return "".join(word.capitalize() for word in kind.split("_"))
