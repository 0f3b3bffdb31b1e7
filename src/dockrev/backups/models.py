"""What a backup is made of, what became of it, and how the API tells it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from dockrev.docker.data import BackupTarget
from dockrev.errors import Json


class Skipped(StrEnum):
    """Why a target is not in a backup. The first three are the API's, the others our own."""

    BY_USER = "skipped_by_user"
    PROBE_ERROR = "skipped_by_probe_error"
    BY_SIZE = "skipped_by_size"
    READ_ONLY = "skipped_read_only"
    SPECIAL_FILE = "skipped_special_file"


@dataclass(frozen=True, slots=True)
class TargetResult:
    """`skipped` None: it is included, as `effective` (`inherit` or `force`) says.

    `size_bytes` of one that was left out for its size is where counting stopped.
    """

    target: BackupTarget
    skipped: Skipped | None = None
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


class SkipReason(StrEnum):
    """Why there is no backup at all."""

    DISABLED = "disabled"
    DRY_RUN = "dry_run"
    NO_SERVICES = "no_actionable_services"
    NO_SERVICES_LEFT = "no_actionable_services_after_anomaly_skip"
    NO_TARGETS = "no_targets"
    NO_INCLUDED_TARGETS = "no_included_targets"


@dataclass(frozen=True, slots=True)
class BackupResult:
    """Failed: `error` tells why. Skipped: `reason` does."""

    status: BackupStatus
    backup_id: str | None = None
    reason: SkipReason | None = None
    error: str | None = None
    artifact_path: str | None = None
    size_bytes: int | None = None
    targets: tuple[TargetResult, ...] = ()

    @classmethod
    def skip(cls, reason: SkipReason, targets: tuple[TargetResult, ...] = ()) -> "BackupResult":
        return cls(BackupStatus.SKIPPED, reason=reason, targets=targets)

    def as_json(self) -> dict[str, Json]:
        """As the summary of an update shows it."""
        fields: Mapping[str, Json] = {
            "status": self.status.value,
            "backupId": self.backup_id,
            "reason": self.reason.value if self.reason else None,
            "error": self.error,
            "artifactPath": self.artifact_path,
            "sizeBytes": self.size_bytes,
            "targets": [one.as_json() for one in self.targets] or None,
        }
        return {key: value for key, value in fields.items() if value is not None}


@dataclass(frozen=True, slots=True)
class DataProgress:
    """`bytes_total`: as measured before; data that is being written to may grow beyond it."""

    activity: str
    bytes_done: int
    bytes_total: int


OnProgress = Callable[[DataProgress], None]


class RecordStatus(StrEnum):
    RUNNING = "running"
    SUCCESS = "success"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Backup:
    """As recorded. `cleanup_after` None: the update that it was made for has not succeeded."""

    id: str
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


class Manner(StrEnum):
    PAUSED = "paused"
    STOPPED = "stopped"
    STOPPED_FOR_RESTORE = "stopped_for_restore"


@dataclass(frozen=True, slots=True)
class Suspension:
    """A container that has to be woken again."""

    container_id: str
    name: str
    manner: Manner


@dataclass(frozen=True, slots=True)
class Restored:
    """It was read back and is as it was archived."""

    target: BackupTarget
    entries: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class VerifiedTarget:
    """`deviations`: how the data as it is now differs; None when nobody asked."""

    target: BackupTarget
    entries: int
    size_bytes: int
    deviations: tuple[str, ...] | None = None
