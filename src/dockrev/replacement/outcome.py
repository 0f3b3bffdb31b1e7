"""How a replacement ended for each service. No I/O."""

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
    """`reason` is a sentence for people; `step` is where the service failed.

    Image ids are those of the engine, not of the registry. `new_image` is what runs afterwards, also after a
    failure. `cancelled`: the service ended this way because the job was cancelled.
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
    """What the backup before a change came to.

    `id`: None when there is nothing to restore. `summary`: a document for people, kept as it is.
    `required_failed`: without the backup nothing may be changed. `restore_on_rollback`: a rollback restores
    the data too.
    """

    id: str | None
    summary: Mapping[str, Any]
    required_failed: bool
    restore_on_rollback: bool


@dataclass(frozen=True, slots=True)
class ReplacementResult:
    """`services` are in the order of the changes. `backup`: None when no service came so far."""

    services: tuple[ServiceOutcome, ...]
    backup: BackupStep | None
