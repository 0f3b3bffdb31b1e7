"""The tables of jobs and their log lines, and how their rows become models."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Boolean, Column, ForeignKey, Index, Integer, Row, String, Table, Text

from dockrev.db.schema import Moment, metadata
from dockrev.jobs.models import BackupMode, Job, JobStatus, JobTarget, Level, LogRow, NewJob, Scope

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
    Column("host_id", String, nullable=False, server_default="local"),
    Column("last_seq", Integer, nullable=False, server_default="0"),
    Index(None, "created_at", "id"),
    Index(None, "status", "type"),
)

"""`last_seq`: the number of the job's newest line. Adding a line raises it first, which locks the row."""

job_logs = Table(
    "job_logs",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("job_id", ForeignKey("jobs.id", ondelete="CASCADE"), nullable=False),
    Column("at", Moment, nullable=False),
    Column("level", String, nullable=False),
    Column("message", Text, nullable=False),
    Column("is_progress", Boolean, nullable=False),
    Column("seq", Integer, nullable=False, server_default="0"),
    Index(None, "job_id", "id"),
    sqlite_autoincrement=True,
)
"""`seq` counts the lines of one job from 1. Lines of replaced progress are deleted and leave gaps."""


def new_row(new: NewJob, now: datetime) -> dict[str, object]:
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
        "summary": new.summary.document(),
        "host_id": new.host_id,
    }


def job_of(row: Row[Any]) -> Job:
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
        host_id=row.host_id,
    )


def log_row_of(row: Row[Any]) -> LogRow:
    return LogRow(row.id, row.job_id, row.seq, row.at, Level(row.level), row.message)
