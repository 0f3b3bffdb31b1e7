"""Builds the summary of an update job as the API shows it. No I/O."""

from collections.abc import Sequence

from dockrev.jobs.models import JobStatus
from dockrev.oci.ref import ImageRef
from dockrev.replacement.outcome import ServiceOutcome, ServiceStatus
from dockrev.stacks.wire import blocker_out
from dockrev.updates.documents import (
    BackupOut,
    PullTagWarning,
    ServiceUpdateResult,
    SkippedDowngrade,
    StackUpdateResult,
    UpdatedStack,
    UpdateSummary,
)
from dockrev.updates.models import StackOutcome, UpdateMode, UpdatePlan
from dockrev.web.wire import read_leniently

_CHANGED = frozenset({ServiceStatus.UPDATED, ServiceStatus.ROLLED_BACK})
_WORST_FIRST = (JobStatus.FAILED, JobStatus.ROLLED_BACK)


def status_of(plan: UpdatePlan, stacks: Sequence[StackOutcome]) -> JobStatus:
    """The worst status of all services.

    A dry run succeeds whatever it reports, unless it was cancelled or an error stopped it.
    """
    if any(stack.broken for stack in stacks):
        return JobStatus.FAILED
    if plan.mode is UpdateMode.DRY_RUN:
        return JobStatus.FAILED if was_cancelled(stacks) else JobStatus.SUCCESS
    statuses = {_job_status(service) for stack in stacks for service in stack.services}
    return next((status for status in _WORST_FIRST if status in statuses), JobStatus.SUCCESS)


def _job_status(outcome: ServiceOutcome) -> JobStatus:
    statuses = {ServiceStatus.FAILED: JobStatus.FAILED, ServiceStatus.ROLLED_BACK: JobStatus.ROLLED_BACK}
    return statuses.get(outcome.status, JobStatus.SUCCESS)


def summary_of(plan: UpdatePlan, stacks: Sequence[StackOutcome]) -> UpdateSummary:
    return UpdateSummary(mode=plan.mode, stacks=[_stack(plan, outcome) for outcome in stacks])


def was_cancelled(stacks: Sequence[StackOutcome]) -> bool:
    """Whether a service ended as it did because the job was cancelled."""
    return any(service.cancelled for stack in stacks for service in stack.services)


def _stack(plan: UpdatePlan, outcome: StackOutcome) -> UpdatedStack:
    return UpdatedStack(
        stack_id=outcome.stack.stack_id,
        backup=read_leniently(BackupOut, outcome.backup),
        update=None if outcome.blocked else _update(plan, outcome),
        services=[_service(service) for service in outcome.services],
    )


def _update(plan: UpdatePlan, outcome: StackOutcome) -> StackUpdateResult:
    refs = {each.service_id: ImageRef.parse(each.image_ref) for each in outcome.stack.services}
    result = StackUpdateResult(
        changed_services=_changed(plan, outcome),
        target_tags_pulled=[
            f"{refs[service.service_id].repository}:{refs[service.service_id].tag}"
            for service in outcome.services
            if service.went_well and service.new_image
        ],
        pull_tags_pulled=list(outcome.pulled_tags.names),
        pull_tag_warnings=[
            read_leniently(PullTagWarning, warning) for warning in outcome.pulled_tags.warnings
        ],
        semver_pulled=[],
        semver_pull_warnings={},
        skipped_version_anomaly=[
            read_leniently(SkippedDowngrade, skipped) for skipped in outcome.stack.skipped_downgrades
        ],
    )
    if plan.mode is UpdateMode.DRY_RUN:
        return result.model_copy(update={"mode": plan.mode})
    step, reason = _failure(outcome)
    return result.model_copy(
        update={
            "old_digests": {each.service_id: each.old_image for each in outcome.services if each.old_image},
            "new_digests": {each.service_id: each.new_image for each in outcome.services if each.new_image},
            "failure_step": step,
            "reason": reason,
        }
    )


def _changed(plan: UpdatePlan, outcome: StackOutcome) -> int:
    if plan.mode is UpdateMode.DRY_RUN:
        return sum(service.bytes_to_download is not None for service in outcome.services)
    return sum(service.status in _CHANGED for service in outcome.services)


def _failure(outcome: StackOutcome) -> tuple[str | None, str | None]:
    """The step and the reason of the failure. A service without a step rolled back because of another one."""
    failed = [service for service in outcome.services if service.status.went_wrong]
    if not failed:
        return None, None
    cause = next((service for service in failed if service.step), failed[0])
    return cause.step, cause.reason


def _service(outcome: ServiceOutcome) -> ServiceUpdateResult:
    return ServiceUpdateResult(
        service_id=outcome.service_id,
        service_name=outcome.name,
        status=outcome.status,
        reason=outcome.reason,
        step=outcome.step,
        old_image_id=outcome.old_image,
        new_image_id=outcome.new_image,
        bytes_to_download=outcome.bytes_to_download,
        blockers=[blocker_out(blocker) for blocker in outcome.blockers] or None,
    )
