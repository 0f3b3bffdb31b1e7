"""The outcome of a replacement for each service. No I/O."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from dockrev.blockers import Blocker


class ServiceStatus(StrEnum):
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    SKIPPED = "skipped"
    ROLLED_BACK = "rolled_back"
    FAILED = "failed"
    NOT_ATTEMPTED = "not_attempted"

    @property
    def went_wrong(self) -> bool:
        return self in (ServiceStatus.FAILED, ServiceStatus.ROLLED_BACK)


@dataclass(frozen=True, slots=True)
class ServiceOutcome:
    """`reason` is a sentence for people. `step` is the one that failed.

    `old_image` and `new_image` are image ids of the engine. `new_image` is the one that runs afterwards, even
    after a failure. `cancelled`: the service ended this way because the job was cancelled.
    """

    service_id: str
    name: str
    status: ServiceStatus
    reason: str | None = None
    step: str | None = None
    old_image: str | None = None
    new_image: str | None = None
    bytes_to_download: int | None = None
    cancelled: bool = False
    blockers: tuple[Blocker, ...] = ()
    """Why the preflight refused the service."""

    @property
    def went_well(self) -> bool:
        """The approved image runs."""
        return self.status in (ServiceStatus.UPDATED, ServiceStatus.UNCHANGED)


@dataclass(frozen=True, slots=True)
class BackupStep:
    """The result of the backup before a change.

    `id` is None when there is nothing to restore. `summary` is a document that is stored unchanged.
    `required_failed`: the backup was required and failed, so nothing may be changed. `restore_on_rollback`: a
    rollback restores the data too.
    """

    id: str | None
    summary: Mapping[str, Any]
    required_failed: bool
    restore_on_rollback: bool


@dataclass(frozen=True, slots=True)
class ReplacementResult:
    """`services` has the order of the changes. `backup` is None when no service got as far as the backup."""

    services: tuple[ServiceOutcome, ...]
    backup: BackupStep | None
