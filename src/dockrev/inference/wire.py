"""Requests and responses of version inference."""

from collections import Counter
from collections.abc import Iterable, Sequence

from pydantic import Field

from dockrev.http.rate_limit import HostUsage
from dockrev.inference.documents import ProgressOut, ScanOut
from dockrev.inference.overview import OverviewPage, OverviewRow, OverviewStatus
from dockrev.inference.queue import CONCURRENCY
from dockrev.inference.retention import EVERY, KEPT
from dockrev.versions.models import (
    InferenceReason,
    InferenceTask,
    RetentionRun,
    TaskStatus,
)
from dockrev.web.wire import Timestamp, Wire

RETRY_AFTER_MS = 800


class DigestTagsAnswer(Wire):
    digest: str
    tags: list[str]
    repo_tags: list[str]
    scan: ScanOut


class SnapshotAnswer(Wire):
    digest: str
    tags: list[str]
    checked_at: Timestamp
    scan: ScanOut


class SnapshotPending(Wire):
    status: str = "pending"
    digest: str
    retry_after_ms: int = RETRY_AFTER_MS


class RefreshRequest(Wire):
    digest: str | None = None


class RefreshAnswer(Wire):
    """`reason`: `force` when a task was added, `running` when one existed already."""

    status: str = "pending"
    service_id: str
    image_repo: str
    digest: str
    reason: str


class TaskOut(Wire):
    """`notBefore`: the task does not start earlier, for example because of a rate limit."""

    key: str
    image_repo: str
    host_platform: str
    status: TaskStatus
    reason: InferenceReason
    enqueued_at: Timestamp
    started_at: Timestamp | None = None
    updated_at: Timestamp
    not_before: Timestamp | None = None
    progress: ProgressOut | None = None


class RowOut(Wire):
    key: str
    image_repo: str
    host_platform: str
    status: OverviewStatus
    service_count: int
    reason: InferenceReason | None = None
    checked_at: Timestamp | None = None
    updated_at: Timestamp | None = None
    progress: ProgressOut | None = None


class WorkerOut(Wire):
    """`dropped`: lookups dropped since the start, because the queue was full of more urgent ones."""

    max_concurrency: int
    queued: int
    running: int
    in_flight: int
    dropped: int


class RetentionOut(Wire):
    retention_days: int
    interval_seconds: int
    last_run_at: Timestamp | None = None
    last_deleted: int | None = None
    last_duration_ms: int | None = None
    last_error: str | None = None


class SummaryOut(Wire):
    snapshots_total: int
    queued: int
    running: int
    ready: int
    stale: int
    all_failed: int


class RegistryOut(Wire):
    """A field is absent when the registry does not report it."""

    host: str
    remaining: int | None = None
    limit: int | None = None
    resets_at: Timestamp | None = None
    cool_down_until: Timestamp | None = None
    requests_24h: int = Field(alias="requests24h")


class OverviewAnswer(Wire):
    worker: WorkerOut
    gc: RetentionOut
    summary: SummaryOut
    registries: list[RegistryOut]
    tasks: list[TaskOut]
    rows: list[RowOut]
    page: int
    per_page: int
    total: int


def overview_answer(
    tasks: Iterable[InferenceTask],
    dropped: int,
    retention: RetentionRun | None,
    registries: Iterable[HostUsage],
    rows: Sequence[OverviewRow],
    page: OverviewPage,
) -> OverviewAnswer:
    shown = sorted(tasks, key=lambda task: task.updated_at, reverse=True)
    running = sum(task.status is TaskStatus.RUNNING for task in shown)
    return OverviewAnswer(
        worker=WorkerOut(
            max_concurrency=CONCURRENCY,
            queued=len(shown) - running,
            running=running,
            in_flight=len(shown),
            dropped=dropped,
        ),
        gc=_retention(retention),
        summary=_summary(rows),
        registries=[_registry(budget) for budget in registries],
        tasks=[_task(task) for task in shown],
        rows=[_row(row) for row in page.rows],
        page=page.number,
        per_page=page.size,
        total=page.total,
    )


def _summary(rows: Sequence[OverviewRow]) -> SummaryOut:
    counted = Counter(row.status for row in rows)
    return SummaryOut(
        snapshots_total=sum(row.has_snapshot for row in rows),
        queued=counted[OverviewStatus.QUEUED],
        running=counted[OverviewStatus.RUNNING],
        ready=counted[OverviewStatus.READY],
        stale=counted[OverviewStatus.STALE],
        all_failed=counted[OverviewStatus.ALL_FAILED],
    )


def _retention(run: RetentionRun | None) -> RetentionOut:
    return RetentionOut(
        retention_days=KEPT.days,
        interval_seconds=int(EVERY.total_seconds()),
        last_run_at=run.ran_at if run else None,
        last_deleted=run.deleted if run else None,
        last_duration_ms=run.duration_ms if run else None,
        last_error=run.error if run else None,
    )


def _registry(budget: HostUsage) -> RegistryOut:
    return RegistryOut(
        host=budget.host,
        remaining=budget.remaining,
        limit=budget.limit,
        resets_at=budget.resets_at,
        cool_down_until=budget.cool_down_until,
        requests24h=budget.requests_24h,
    )


def _task(task: InferenceTask) -> TaskOut:
    return TaskOut(
        key=str(task.key),
        image_repo=task.key.repository,
        host_platform=str(task.key.platform),
        status=task.status,
        reason=task.reason,
        enqueued_at=task.enqueued_at,
        started_at=task.started_at,
        updated_at=task.updated_at,
        not_before=task.not_before,
        progress=ProgressOut.of(task.progress) if task.progress else None,
    )


def _row(row: OverviewRow) -> RowOut:
    return RowOut(
        key=row.key,
        image_repo=row.repository,
        host_platform=str(row.platform),
        status=row.status,
        service_count=row.services,
        reason=row.reason,
        checked_at=row.checked_at,
        updated_at=row.updated_at,
        progress=ProgressOut.of(row.progress) if row.progress else None,
    )
