"""The summary of an update job, in the shape the API promises. No I/O."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict

from dockrev.errors import Json
from dockrev.jobs.models import JobStatus
from dockrev.oci.ref import ImageRef
from dockrev.replacement.outcome import ServiceOutcome, ServiceStatus
from dockrev.updates.models import StackOutcome, UpdateMode, UpdatePlan

_CHANGED = frozenset({ServiceStatus.UPDATED, ServiceStatus.ROLLED_BACK})
_WORST_FIRST = (JobStatus.FAILED, JobStatus.ROLLED_BACK)
_SHOWN_ELSEWHERE = frozenset({"cancelled"})


def status_of(plan: UpdatePlan, stacks: Sequence[StackOutcome]) -> JobStatus:
    """The worst of all services. A dry run that was not cancelled succeeds, whatever it finds."""
    if plan.mode is UpdateMode.DRY_RUN:
        return JobStatus.FAILED if was_cancelled(stacks) else JobStatus.SUCCESS
    found = {_job_status(one) for stack in stacks for one in stack.services}
    return next((status for status in _WORST_FIRST if status in found), JobStatus.SUCCESS)


def _job_status(outcome: ServiceOutcome) -> JobStatus:
    ends = {ServiceStatus.FAILED: JobStatus.FAILED, ServiceStatus.ROLLED_BACK: JobStatus.ROLLED_BACK}
    return ends.get(outcome.status, JobStatus.SUCCESS)


def summary_of(plan: UpdatePlan, stacks: Sequence[StackOutcome]) -> Mapping[str, Json]:
    return {"mode": plan.mode.value, "stacks": [_stack(plan, one) for one in stacks]}


def was_cancelled(stacks: Sequence[StackOutcome]) -> bool:
    """Whether a cancel came in time to change anything."""
    return any(one.cancelled for stack in stacks for one in stack.services)


def _stack(plan: UpdatePlan, outcome: StackOutcome) -> dict[str, Json]:
    document: dict[str, Json] = {"stackId": outcome.stack.stack_id, "backup": outcome.backup}
    if not outcome.blocked:
        document["update"] = _update(plan, outcome)
    document["services"] = [_service(one) for one in outcome.services]
    return document


def _update(plan: UpdatePlan, outcome: StackOutcome) -> dict[str, Json]:
    refs = {one.service_id: ImageRef.parse(one.image_ref) for one in outcome.stack.services}
    document: dict[str, Json] = {
        "changedServices": _changed(plan, outcome),
        "targetTagsPulled": [
            f"{refs[one.service_id].repository}:{refs[one.service_id].tag}"
            for one in outcome.services
            if one.went_well and one.new_image
        ],
        "pullTagsPulled": list(outcome.pulled_tags.names),
        "pullTagWarnings": list(outcome.pulled_tags.warnings),
        "semverPulled": [],
        "semverPullWarnings": {},
        "skippedVersionAnomaly": list(outcome.stack.skipped_downgrades),
    }
    if plan.mode is UpdateMode.DRY_RUN:
        return {"mode": UpdateMode.DRY_RUN.value, **document}
    document["oldDigests"] = {one.service_id: one.old_image for one in outcome.services if one.old_image}
    document["newDigests"] = {one.service_id: one.new_image for one in outcome.services if one.new_image}
    return document | _failure(outcome)


def _changed(plan: UpdatePlan, outcome: StackOutcome) -> int:
    if plan.mode is UpdateMode.DRY_RUN:
        return sum(one.bytes_to_download is not None for one in outcome.services)
    return sum(one.status in _CHANGED for one in outcome.services)


def _failure(outcome: StackOutcome) -> dict[str, Json]:
    bad = [one for one in outcome.services if one.status.went_wrong]
    if not bad:
        return {}
    cause = next((one for one in bad if one.step), bad[0])  # others may have rolled back with it
    return {"failureStep": cause.step, "reason": cause.reason}


def _service(outcome: ServiceOutcome) -> dict[str, Json]:
    names = {
        "service_id": "serviceId",
        "name": "serviceName",
        "old_image": "oldImageId",
        "new_image": "newImageId",
        "bytes_to_download": "bytesToDownload",
    }
    shown = {key: value for key, value in asdict(outcome).items() if key not in _SHOWN_ELSEWHERE}
    return {names.get(key, key): value for key, value in shown.items() if value is not None}
