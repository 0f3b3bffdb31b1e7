"""The events of version inference, and the documents that they share with the answers of its routes."""

from typing import Any, Literal, Self

from dockrev.versions.models import (
    DigestKey,
    DigestSnapshot,
    InferencePhase,
    InferenceProgress,
    InferenceReason,
    ScanCounts,
)
from dockrev.web.event_schema import EventSchema, stamped
from dockrev.web.wire import Timestamp, Wire


class ScanOut(Wire):
    repo_tags_total: int
    repo_tags_considered: int
    manifests_ok: int
    manifests_timeout: int
    manifests_error: int

    @classmethod
    def of(cls, scan: ScanCounts) -> Self:
        return cls(
            repo_tags_total=scan.total,
            repo_tags_considered=scan.considered,
            manifests_ok=scan.ok,
            manifests_timeout=scan.timeout,
            manifests_error=scan.error,
        )


class ProgressOut(Wire):
    """`assigned*`: tags that were asked. `result*`: tags that were answered. `current`, `total` and `percent`
    repeat `result*`.
    """

    phase: InferencePhase
    message: str
    current: int
    total: int
    percent: int
    assigned_current: int
    assigned_total: int
    assigned_percent: int
    result_current: int
    result_total: int
    result_percent: int
    updated_at: Timestamp

    @classmethod
    def of(cls, progress: InferenceProgress) -> Self:
        done, total = progress.result, progress.total
        return cls(
            phase=progress.phase,
            message=progress.message,
            current=done,
            total=total,
            percent=_percent(done, total),
            assigned_current=progress.assigned,
            assigned_total=total,
            assigned_percent=_percent(progress.assigned, total),
            result_current=done,
            result_total=total,
            result_percent=_percent(done, total),
            updated_at=progress.updated_at,
        )


def _percent(part: int, whole: int) -> int:
    return 100 * part // whole if whole else 0


class InferenceEvent(Wire):
    """The event buffer adds `ts`."""

    type: str


class TaskEvent(InferenceEvent):
    key: str
    image_repo: str
    digest: str
    host_platform: str
    reason: InferenceReason

    @classmethod
    def about(cls, key: DigestKey, reason: InferenceReason, **more: Any) -> Self:
        """`more`: the fields that only this event has."""
        return cls(
            key=str(key),
            image_repo=key.repository,
            digest=key.digest,
            host_platform=str(key.platform),
            reason=reason,
            **more,
        )


class TaskEnqueued(TaskEvent):
    type: Literal["task_enqueued"] = "task_enqueued"


class TaskStarted(TaskEvent):
    type: Literal["task_started"] = "task_started"


class TaskReasonUpgraded(TaskEvent):
    type: Literal["task_reason_upgraded"] = "task_reason_upgraded"
    from_reason: InferenceReason


class TaskProgressed(TaskEvent, ProgressOut):
    type: Literal["task_progress"] = "task_progress"


class TaskFinished(TaskEvent):
    """Has `error` when `status` is `error`, and all other fields when it is `success`."""

    type: Literal["task_finished"] = "task_finished"
    status: Literal["success", "error"]
    checked_at: Timestamp | None = None
    all_failed: bool | None = None
    scan: ScanOut | None = None
    error: str | None = None

    @classmethod
    def success(cls, key: DigestKey, reason: InferenceReason, snapshot: DigestSnapshot) -> Self:
        return cls.about(
            key,
            reason,
            status="success",
            checked_at=snapshot.checked_at,
            all_failed=snapshot.all_failed,
            scan=ScanOut.of(snapshot.scan),
        )


class SnapshotsPurged(InferenceEvent):
    type: Literal["gc_ran"] = "gc_ran"
    cutoff: Timestamp
    deleted: int
    duration_ms: int
    ok: bool
    error: str | None = None


class ResyncRequired(InferenceEvent):
    """The events between the two ids are gone. The reader has to read everything again."""

    type: Literal["resync_required"] = "resync_required"
    requested_after_id: int
    oldest_available_id: int
    latest_event_id: int
    reason: Literal["buffer_overflow"] = "buffer_overflow"


class _Stamp(Wire):
    ts: Timestamp


EVENTS = EventSchema(
    "InferenceEvent",
    [
        stamped(event, _Stamp)
        for event in (
            TaskEnqueued,
            TaskStarted,
            TaskReasonUpgraded,
            TaskProgressed,
            TaskFinished,
            SnapshotsPurged,
            ResyncRequired,
        )
    ],
)
