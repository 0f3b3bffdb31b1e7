"""The request, the plan and the outcome of an update."""

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
    """A service and the image that the operator approved for it.

    The update also pulls the `pull_tags` afterwards, so that the host has the image under these names too.
    """

    service_id: str
    tag: str
    digest: str
    pull_tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class UpdateRequest:
    """A well-formed request. `plan_update` compares it with the recorded services.

    `partial`: the approved targets may leave out services that could be updated too.
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
    """`skipped_downgrades` are services that the update skips, in the form of `skippedVersionAnomaly`."""

    stack_id: str
    project: str
    services: tuple[ServicePlan, ...]
    skipped_downgrades: tuple[Mapping[str, Any], ...] = ()
    host_id: str = LOCAL


@dataclass(frozen=True, slots=True)
class UpdatePlan:
    """What an update will do. It is stored with the new job, so that a restart can resume it."""

    mode: UpdateMode
    allow_arch_mismatch: bool
    backup_mode: BackupMode
    stacks: tuple[StackPlan, ...]

    @property
    def service_ids(self) -> tuple[str, ...]:
        return tuple(service.service_id for stack in self.stacks for service in stack.services)


@dataclass(frozen=True, slots=True)
class PulledTags:
    """`warnings` are about tags that could not be pulled, in the form of `pullTagWarnings`."""

    names: tuple[str, ...] = ()
    warnings: tuple[Mapping[str, Json], ...] = ()


@dataclass(frozen=True, slots=True)
class StackOutcome:
    """`backup` is the backup's summary.

    `blocked`: a required backup failed, so nothing was changed. `broken`: an error stopped the update of the
    stack before it could end or roll back its services.
    """

    stack: StackPlan
    backup: Mapping[str, Json]
    services: tuple[ServiceOutcome, ...]
    pulled_tags: PulledTags = PulledTags()
    blocked: bool = False
    broken: bool = False
