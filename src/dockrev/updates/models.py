"""What an update is asked to do, and what became of each stack."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from dockrev.errors import Json
from dockrev.hosts.local import LOCAL
from dockrev.jobs.models import BackupMode, JobTarget, Reason
from dockrev.replacement.outcome import ServiceOutcome
from dockrev.replacement.plan import ServiceChange


class UpdateMode(StrEnum):
    APPLY = "apply"
    DRY_RUN = "dry-run"


@dataclass(frozen=True, slots=True)
class ApprovedTarget:
    """One service and the image that the operator approved for it.

    `pull_tags` are pulled after the update, so that the host knows these names too.
    """

    service_id: str
    tag: str
    digest: str
    pull_tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class UpdateRequest:
    """Correct in its form; not yet compared with what is on record.

    `partial`: the approved targets need not be all that could be updated in the target of the job.
    """

    target: JobTarget
    approved: tuple[ApprovedTarget, ...]
    mode: UpdateMode
    allow_arch_mismatch: bool
    backup_mode: BackupMode
    reason: Reason
    partial: bool = False


@dataclass(frozen=True, slots=True)
class ServicePlan(ServiceChange):
    pull_tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StackPlan:
    """`skipped_downgrades`: services that are left alone, as the API's `skippedVersionAnomaly` shows them."""

    stack_id: str
    project: str
    services: tuple[ServicePlan, ...]
    skipped_downgrades: tuple[Mapping[str, Any], ...] = ()
    host_id: str = LOCAL


@dataclass(frozen=True, slots=True)
class UpdatePlan:
    """Fixed when the update is admitted. It is stored with the job, so that a restart can resume it."""

    mode: UpdateMode
    allow_arch_mismatch: bool
    backup_mode: BackupMode
    stacks: tuple[StackPlan, ...]

    @property
    def service_ids(self) -> tuple[str, ...]:
        return tuple(service.service_id for stack in self.stacks for service in stack.services)


@dataclass(frozen=True, slots=True)
class PulledTags:
    """`warnings`: for tags that could not be pulled, as the API's `pullTagWarnings` shows them."""

    names: tuple[str, ...] = ()
    warnings: tuple[Mapping[str, Json], ...] = ()


@dataclass(frozen=True, slots=True)
class StackOutcome:
    """`backup` is the summary of the backup. `blocked`: a required backup failed, so nothing was changed."""

    stack: StackPlan
    backup: Mapping[str, Json]
    services: tuple[ServiceOutcome, ...]
    pulled_tags: PulledTags = PulledTags()
    blocked: bool = False
