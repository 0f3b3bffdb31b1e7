"""What an update is asked to do, and what becomes of each service."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from dockrev.jobs.models import BackupMode, JobTarget, Reason
from dockrev.oci.digest import Digest
from dockrev.oci.ref import ImageRef


class Mode(StrEnum):
    APPLY = "apply"
    DRY_RUN = "dry-run"


@dataclass(frozen=True, slots=True)
class Wish:
    """One service and the content it was approved for. `pull_tags` are pulled afterwards, for their names."""

    service_id: str
    tag: str
    digest: str
    pull_tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class UpdateRequest:
    """`wishes` are already checked for their form, not yet against what is known."""

    target: JobTarget
    wishes: tuple[Wish, ...]
    mode: Mode
    allow_arch_mismatch: bool
    backup_mode: BackupMode
    reason: Reason
    partial: bool = False
    """The wishes need not be all that could be updated in the target."""


@dataclass(frozen=True, slots=True)
class ServicePlan:
    """Fixed when the update was asked for; what runs is recorded when its turn comes."""

    service_id: str
    name: str
    image_ref: str
    digest: str
    pull_tags: tuple[str, ...]
    auto_rollback: bool
    config_digest: str
    """Of its configuration, as discovery last read it; empty: not known."""
    namesakes: tuple[str, ...] = ()
    """`project/service` of those that use the same image name and are not updated together with it."""

    @property
    def ref(self) -> ImageRef:
        """The name that is moved to the new image."""
        return ImageRef.parse(self.image_ref)

    @property
    def content(self) -> ImageRef:
        """What was approved, wherever its tags are by now."""
        return ImageRef(self.ref.registry, self.ref.path, None, Digest(self.digest))


@dataclass(frozen=True, slots=True)
class StackPlan:
    """`skipped_downgrades`: what was left alone, in the words of the API's `skippedVersionAnomaly`."""

    stack_id: str
    project: str
    services: tuple[ServicePlan, ...]
    skipped_downgrades: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class UpdatePlan:
    mode: Mode
    allow_arch_mismatch: bool
    backup_mode: BackupMode
    stacks: tuple[StackPlan, ...]

    @property
    def service_ids(self) -> tuple[str, ...]:
        return tuple(service.service_id for stack in self.stacks for service in stack.services)


class Step(StrEnum):
    """In this order. Each is safe to do again after it was interrupted."""

    RECORD = "record"
    PREFLIGHT = "preflight"
    BACKUP = "backup"
    PULL = "pull"
    TAG = "tag"
    APPLY = "apply"
    VERIFY = "verify"
    PROVE = "prove"
    SETTLE = "settle"
    ROLLBACK = "rollback"


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
    """`reason` in words; `step`: where it went wrong. Image ids are the engine's, not the registry's.

    `new_image`: what runs afterwards, of a service that failed as well.
    """

    service_id: str
    name: str
    status: ServiceStatus
    reason: str | None = None
    step: Step | None = None
    old_image: str | None = None
    new_image: str | None = None
    warnings: tuple[Mapping[str, Any], ...] = ()
    pulled_tags: tuple[str, ...] = ()
    bytes_to_download: int | None = None
    cancelled: bool = False
    """That the job was cancelled is why it ended so."""

    @property
    def went_well(self) -> bool:
        """It runs what was approved."""
        return self.status in (ServiceStatus.UPDATED, ServiceStatus.UNCHANGED)

    @property
    def stayed_behind(self) -> bool:
        """It failed before anything of it was changed."""
        return self.status is ServiceStatus.FAILED and not self._begun

    @property
    def left_changed(self) -> bool:
        """It failed, and is not as it was before."""
        return self.status is ServiceStatus.FAILED and self._begun and self.new_image != self.old_image

    @property
    def _begun(self) -> bool:
        return self.step in (Step.TAG, Step.APPLY, Step.VERIFY, Step.PROVE, Step.ROLLBACK)
