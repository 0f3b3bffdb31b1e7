"""The summary of an update job, in the shape the API promises. No I/O."""

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
    """The worst of all services. A dry run that was not cancelled succeeds, whatever it finds."""
    if plan.mode is UpdateMode.DRY_RUN:
        return JobStatus.FAILED if was_cancelled(stacks) else JobStatus.SUCCESS
    found = {_job_status(one) for stack in stacks for one in stack.services}
    return next((status for status in _WORST_FIRST if status in found), JobStatus.SUCCESS)


def _job_status(outcome: ServiceOutcome) -> JobStatus:
    ends = {ServiceStatus.FAILED: JobStatus.FAILED, ServiceStatus.ROLLED_BACK: JobStatus.ROLLED_BACK}
    return ends.get(outcome.status, JobStatus.SUCCESS)


def summary_of(plan: UpdatePlan, stacks: Sequence[StackOutcome]) -> UpdateSummary:
    return UpdateSummary(mode=plan.mode, stacks=[_stack(plan, one) for one in stacks])


def was_cancelled(stacks: Sequence[StackOutcome]) -> bool:
    """Whether a cancel came in time to change anything."""
    return any(one.cancelled for stack in stacks for one in stack.services)


def _stack(plan: UpdatePlan, outcome: StackOutcome) -> UpdatedStack:
    return UpdatedStack(
        stack_id=outcome.stack.stack_id,
        backup=read_leniently(BackupOut, outcome.backup),
        update=None if outcome.blocked else _update(plan, outcome),
        services=[_service(one) for one in outcome.services],
    )


def _update(plan: UpdatePlan, outcome: StackOutcome) -> StackUpdateResult:
    refs = {one.service_id: ImageRef.parse(one.image_ref) for one in outcome.stack.services}
    result = StackUpdateResult(
        changed_services=_changed(plan, outcome),
        target_tags_pulled=[
            f"{refs[one.service_id].repository}:{refs[one.service_id].tag}"
            for one in outcome.services
            if one.went_well and one.new_image
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
            "old_digests": {one.service_id: one.old_image for one in outcome.services if one.old_image},
            "new_digests": {one.service_id: one.new_image for one in outcome.services if one.new_image},
            "failure_step": step,
            "reason": reason,
        }
    )


def _changed(plan: UpdatePlan, outcome: StackOutcome) -> int:
    if plan.mode is UpdateMode.DRY_RUN:
        return sum(one.bytes_to_download is not None for one in outcome.services)
    return sum(one.status in _CHANGED for one in outcome.services)


def _failure(outcome: StackOutcome) -> tuple[str | None, str | None]:
    """Where and why the stack failed. Services without a step may have been rolled back with another one."""
    bad = [one for one in outcome.services if one.status.went_wrong]
    if not bad:
        return None, None
    cause = next((one for one in bad if one.step), bad[0])
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
