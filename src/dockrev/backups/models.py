"""The values of backups: targets, results and records, and their JSON in the summary of an update."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from dockrev.backups.settings import HoldMode
from dockrev.docker.data import BackupTarget
from dockrev.errors import Json


class TargetSkipReason(StrEnum):
    """Why a target is not in a backup. The API contract defines the first three values only."""

    BY_USER = "skipped_by_user"
    PROBE_ERROR = "skipped_by_probe_error"
    BY_SIZE = "skipped_by_size"
    READ_ONLY = "skipped_read_only"
    SPECIAL_FILE = "skipped_special_file"


@dataclass(frozen=True, slots=True)
class TargetResult:
    """When `skipped` is None, the target is included, and `effective` is `inherit` or `force`.

    For a target that is too big, `size_bytes` is the size at which measuring stopped.
    """

    target: BackupTarget
    skipped: TargetSkipReason | None = None
    size_bytes: int | None = None
    effective: str | None = None
    error: str | None = None

    def as_json(self) -> dict[str, Json]:
        document: dict[str, Json] = {
            "target": self.target.as_json(),
            "status": "skipped" if self.skipped else "included",
        }
        optional: Mapping[str, Json] = {
            "reason": self.skipped.value if self.skipped else None,
            "sizeBytes": self.size_bytes,
            "effective": self.effective,
            "error": self.error,
        }
        return document | {key: value for key, value in optional.items() if value is not None}


class BackupStatus(StrEnum):
    SUCCESS = "success"
    SKIPPED = "skipped"
    FAILED = "failed"


class BackupSkipReason(StrEnum):
    """Why no backup was made."""

    DISABLED = "disabled"
    DRY_RUN = "dry_run"
    NO_SERVICES = "no_actionable_services"
    NO_SERVICES_LEFT = "no_actionable_services_after_anomaly_skip"
    NO_TARGETS = "no_targets"
    NO_INCLUDED_TARGETS = "no_included_targets"


@dataclass(frozen=True, slots=True)
class BackupResult:
    """`error` says why the backup failed. `reason` says why it was skipped."""

    status: BackupStatus
    backup_id: str | None = None
    reason: BackupSkipReason | None = None
    error: str | None = None
    artifact_path: str | None = None
    size_bytes: int | None = None
    targets: tuple[TargetResult, ...] = ()

    @classmethod
    def skip(cls, reason: BackupSkipReason, targets: tuple[TargetResult, ...] = ()) -> "BackupResult":
        return cls(BackupStatus.SKIPPED, reason=reason, targets=targets)

    def as_json(self) -> dict[str, Json]:
        """The document in the summary of an update."""
        fields: Mapping[str, Json] = {
            "status": self.status.value,
            "backupId": self.backup_id,
            "reason": self.reason.value if self.reason else None,
            "error": self.error,
            "artifactPath": self.artifact_path,
            "sizeBytes": self.size_bytes,
            "targets": [target.as_json() for target in self.targets] or None,
        }
        return {key: value for key, value in fields.items() if value is not None}


@dataclass(frozen=True, slots=True)
class DataProgress:
    """`bytes_total` was measured before the copy, so growing data can exceed it."""

    activity: str
    bytes_done: int
    bytes_total: int


OnProgress = Callable[[DataProgress], None]


class RestoreStep(StrEnum):
    VERIFY = "verify"
    STOP = "stop"
    RESTORE = "restore"
    START = "start"


OnRestoreStep = Callable[[RestoreStep, str], Awaitable[None]]
"""Called when a step begins, with a sentence about it. Nothing changes before the call for `STOP` returns."""


class RecordStatus(StrEnum):
    RUNNING = "running"
    SUCCESS = "success"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Backup:
    """The record of a backup. `cleanup_after` is None when its update has not succeeded."""

    id: str
    host_id: str
    stack_id: str
    project: str
    job_id: str | None
    status: RecordStatus
    created_at: datetime
    finished_at: datetime | None
    artifact_path: str
    size_bytes: int | None
    targets: tuple[BackupTarget, ...]
    error: str | None
    cleanup_after: datetime | None
    deleted_at: datetime | None


@dataclass(frozen=True, slots=True)
class HeldContainer:
    """A container that is paused or stopped until it is released.

    `for_restore`: it must not run before a restore of its data has succeeded.
    """

    host_id: str
    container_id: str
    name: str
    mode: HoldMode
    for_restore: bool = False


@dataclass(frozen=True, slots=True)
class RestoredTarget:
    """A target that was restored, read again, and found identical to the archive."""

    target: BackupTarget
    entries: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class VerifiedTarget:
    """`differences` says how the current data differs. None when it was not compared."""

    target: BackupTarget
    entries: int
    size_bytes: int
    differences: tuple[str, ...] | None = None
