"""The summary and the events of a runtime scan, as the API shows them."""

from typing import Literal

from dockrev.jobs.events import JobEvent
from dockrev.jobs.models import JobSummary, Scope
from dockrev.web.wire import Nullable, Wire


class RuntimeScanSummary(JobSummary):
    host_platform: str | None = None
    scope: Scope | None = None
    stack_ids: list[str] | None = None
    stacks_scanned: int | None = None
    stacks_with_errors: int | None = None
    services_with_runtime_digest: int | None = None
    services_drifted: int | None = None
    services_updated: int | None = None


class RuntimeScanStarted(JobEvent):
    type: Literal["runtime_scan_started"] = "runtime_scan_started"
    scope: Scope
    stack_id: Nullable[str]
    service_id: Nullable[str]
    reason: str
    host_platform: str


class RunningVersion(Wire):
    current_digest: Nullable[str]
    resolved_tag: Nullable[str]
    resolved_tags: Nullable[list[str]]


class RuntimeScanDrift(JobEvent):
    """A service runs another image than before.

    `changed` is false when only a replica changed whose digest the API does not show.
    """

    type: Literal["runtime_scan_service"] = "runtime_scan_service"
    stack_id: str
    service_id: str
    service_name: str
    image_ref: Nullable[str]
    raw_tag: str
    runtime_digest: Nullable[str]
    db_digest_before: Nullable[str]
    updated: RunningVersion
    changed: bool
    inference_ok: bool


class RuntimeScanFinished(JobEvent):
    type: Literal["runtime_scan_finished"] = "runtime_scan_finished"
    status: Literal["failed"] | None = None
    summary: RuntimeScanSummary
