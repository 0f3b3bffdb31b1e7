"""The API documents of an update: its summary, its events, and the details of refusals."""

from typing import Literal

from dockrev.backups.documents import BackupTargetDocument
from dockrev.backups.models import BackupSkipReason, BackupStatus, TargetSkipReason
from dockrev.jobs.events import JobEvent
from dockrev.jobs.models import JobSummary
from dockrev.replacement.outcome import ServiceStatus
from dockrev.replacement.ports import StepStatus
from dockrev.stacks.update_state import ArchMatch
from dockrev.stacks.wire import BlockerOut
from dockrev.updates.models import UpdateMode
from dockrev.web.envelope import ErrorDetails
from dockrev.web.wire import Nullable, Wire


class BackupTargetResult(Wire):
    target: BackupTargetDocument
    status: Literal["included", "skipped"]
    reason: TargetSkipReason | None = None
    size_bytes: int | None = None
    effective: str | None = None
    error: str | None = None


class BackupOut(Wire):
    """`reason` says why no backup was made, `error` why it failed."""

    status: BackupStatus
    backup_id: str | None = None
    reason: BackupSkipReason | None = None
    error: str | None = None
    artifact_path: str | None = None
    size_bytes: int | None = None
    targets: list[BackupTargetResult] | None = None


class PullRetry(Wire):
    attempts: int
    max_attempts: int
    base_ms: int
    max_ms: int


class PullTagWarning(Wire):
    """A further tag that the request asked for and that could not be pulled."""

    service_id: str
    tag_ref: str
    step: str | None = None
    retry: PullRetry | None = None
    last_error: str | None = None
    error: str | None = None


class SkippedDowngrade(Wire):
    """An automatic update skipped the service, because the candidate has a lower version."""

    service_id: str
    service_name: str
    current: str
    candidate: str
    reason: Literal["semver_downgrade"]


class StackUpdateResult(Wire):
    """Only a dry run has `mode`. `oldDigests` and `newDigests` map service ids to image ids of the engine."""

    mode: UpdateMode | None = None
    changed_services: int
    target_tags_pulled: list[str]
    pull_tags_pulled: list[str]
    pull_tag_warnings: list[PullTagWarning]
    semver_pulled: list[str]
    semver_pull_warnings: dict[str, str]
    skipped_version_anomaly: list[SkippedDowngrade]
    old_digests: dict[str, str] | None = None
    new_digests: dict[str, str] | None = None
    failure_step: str | None = None
    reason: str | None = None


class ServiceUpdateResult(Wire):
    """`step` is the one that failed; `blockers` say why it refused. Only a dry run has `bytesToDownload`."""

    service_id: str
    service_name: str
    status: ServiceStatus
    reason: str | None = None
    step: str | None = None
    old_image_id: str | None = None
    new_image_id: str | None = None
    bytes_to_download: int | None = None
    blockers: list[BlockerOut] | None = None


class UpdatedStack(Wire):
    """`update` is absent when a required backup failed, because then nothing was changed."""

    stack_id: str
    backup: BackupOut
    update: StackUpdateResult | None = None
    services: list[ServiceUpdateResult] | None = None


class UpdateSummary(JobSummary):
    mode: UpdateMode | None = None
    stacks: list[UpdatedStack] | None = None


class UpdateStepped(JobEvent):
    """A step of a service. Without a service it is a step of the whole stack."""

    type: Literal["update_step"] = "update_step"
    stack_id: str
    service_id: str | None = None
    service_name: str | None = None
    step: str
    status: StepStatus
    detail: str


class UpdateStateSettled(JobEvent):
    """What a service runs. It is read again after the update."""

    type: Literal["update_state_settled"] = "update_state_settled"
    stack_id: str
    service_id: str
    service_name: str
    runtime_digest: Nullable[str]
    candidate_present: bool
    inference_ok: bool


class UpdateRefusal(ErrorDetails):
    """The details of a 400. `errors`, `field` and `value` describe a malformed request.

    The other fields describe a service that cannot be updated, or targets that differ from the services that
    can be updated.
    """

    service_id: str | None = None
    expected_tag: str | None = None
    got_tag: str | None = None
    arch_match: ArchMatch | None = None
    blockers: list[BlockerOut] | None = None
    missing_service_ids: list[str] | None = None
    extra_service_ids: list[str] | None = None


class StaleDigest(Wire):
    """The details of a 409: the tag now names another image than the approved one."""

    service_id: str
    expected_digest: Nullable[str]
    got_digest: str
