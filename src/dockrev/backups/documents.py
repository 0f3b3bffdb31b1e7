"""The documents of backups and restores, for the API and for `dockrev backup list --json`."""

from typing import Literal

from dockrev.backups.models import Backup, RecordStatus, RestoredTarget, RestoreStep
from dockrev.docker.data import BackupTarget, TargetKind
from dockrev.jobs.events import JobEvent
from dockrev.jobs.models import JobSummary
from dockrev.web.invalid_input import invalid
from dockrev.web.wire import Nullable, Timestamp, Wire


class BackupTargetDocument(Wire):
    """A volume has a `name`. A directory or file of the host has a `path`."""

    kind: TargetKind
    name: str | None = None
    path: str | None = None

    @classmethod
    def of(cls, target: BackupTarget) -> "BackupTargetDocument":
        is_volume = target.kind is TargetKind.VOLUME
        source = target.source
        return cls(kind=target.kind, name=source if is_volume else None, path=None if is_volume else source)

    def target(self, field: str = "target") -> BackupTarget:
        """Raises InvalidArgument when the name or path is missing. `field` is its place in the request."""
        key = "name" if self.kind is TargetKind.VOLUME else "path"
        source = self.name if self.kind is TargetKind.VOLUME else self.path
        if not source:
            raise invalid(f"{field}.{key}", f"is required for the kind {self.kind.value}")
        return BackupTarget(self.kind, source)


class BackupRecordOut(Wire):
    """`status` is that of making the backup. `deletedAt` is when its file was deleted."""

    id: str
    host_id: str
    project: str
    stack_id: str
    job_id: Nullable[str]
    status: RecordStatus
    created_at: Timestamp
    artifact_path: str
    size_bytes: Nullable[int]
    targets: list[BackupTargetDocument]
    error: Nullable[str]
    deleted_at: Nullable[Timestamp]


def backup_record_out(backup: Backup) -> BackupRecordOut:
    return BackupRecordOut(
        id=backup.id,
        host_id=backup.host_id,
        project=backup.project,
        stack_id=backup.stack_id,
        job_id=backup.job_id,
        status=backup.status,
        created_at=backup.created_at,
        artifact_path=backup.artifact_path,
        size_bytes=backup.size_bytes,
        targets=[BackupTargetDocument.of(target) for target in backup.targets],
        error=backup.error,
        deleted_at=backup.deleted_at,
    )


class DataInUse(Wire):
    """The details of a 409: running containers use the data, and the request does not permit a stop."""

    containers: list[str]


class RestoredTargetOut(Wire):
    target: BackupTargetDocument
    entries: int
    size_bytes: int

    @classmethod
    def of(cls, restored: RestoredTarget) -> "RestoredTargetOut":
        target = BackupTargetDocument.of(restored.target)
        return cls(target=target, entries=restored.entries, size_bytes=restored.size_bytes)


class RestoreSummary(JobSummary):
    """`restored` is set when all targets are restored and the containers run again."""

    backup_id: str | None = None
    targets: list[BackupTargetDocument] | None = None
    stop_containers: bool | None = None
    restored: list[RestoredTargetOut] | None = None


class RestoreStepped(JobEvent):
    """A step of a restore has begun."""

    type: Literal["restore_step"] = "restore_step"
    step: RestoreStep
    detail: str
