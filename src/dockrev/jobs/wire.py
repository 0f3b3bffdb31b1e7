"""Jobs as the API shows them."""

from typing import Any

from dockrev.jobs.models import BackupMode, Job, JobStatus, LogRow, Scope
from dockrev.web.wire import Timestamp, Wire


class JobOut(Wire):
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
    summary: dict[str, Any]
    progress: dict[str, Any] | None = None


class LogLineOut(Wire):
    ts: Timestamp
    level: str
    msg: str


class JobDetailOut(JobOut):
    logs: list[LogLineOut]
    logs_last_id: int


class JobListAnswer(Wire):
    jobs: list[JobOut]
    next_cursor: str | None = None


class JobAnswer(Wire):
    job: JobDetailOut


def job_out(job: Job) -> JobOut:
    return JobOut(**_fields(job))


def job_detail_out(job: Job, logs: list[LogRow]) -> JobDetailOut:
    """`logs` oldest first."""
    lines = [LogLineOut(ts=row.at, level=row.level.value, msg=row.message) for row in logs]
    return JobDetailOut(**_fields(job), logs=lines, logs_last_id=logs[-1].id if logs else 0)


def _fields(job: Job) -> dict[str, Any]:
    progress = None if job.progress is None else _without_nulls(job.progress)
    summary = dict(job.summary) | ({} if progress is None else {"progress": progress})
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
        "summary": summary,
        "progress": progress,
    }


def _without_nulls(progress: Any) -> dict[str, Any]:
    return {key: value for key, value in progress.items() if value is not None}
