"""The overview of version inference: one row for each repository and platform. No I/O."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from dockrev.oci.platform import Platform
from dockrev.versions.models import (
    DigestSnapshot,
    InferenceProgress,
    InferenceReason,
    InferenceTask,
    TaskStatus,
)
from dockrev.versions.service_image import ServiceImage
from dockrev.versions.state import STALE_AFTER

MOST_PER_PAGE = 200


class OverviewStatus(StrEnum):
    """Rows are shown in this order. A row has the first status that applies."""

    RUNNING = "running"
    QUEUED = "queued"
    STALE = "stale"
    ALL_FAILED = "all_failed"
    READY = "ready"


_RANK = {status: rank for rank, status in enumerate(OverviewStatus)}


@dataclass(frozen=True, slots=True)
class OverviewRow:
    repository: str
    platform: Platform
    status: OverviewStatus
    services: int
    has_snapshot: bool
    reason: InferenceReason | None = None
    checked_at: datetime | None = None
    updated_at: datetime | None = None
    progress: InferenceProgress | None = None

    @property
    def key(self) -> str:
        return f"{self.repository}@{self.platform}"


@dataclass(frozen=True, slots=True)
class OverviewFilter:
    """`text`: a part of the repository or the key, in upper or lower case."""

    text: str = ""
    status: OverviewStatus | None = None

    def admits(self, row: OverviewRow) -> bool:
        return self.text.lower() in row.key.lower() and self.status in (None, row.status)


@dataclass(frozen=True, slots=True)
class OverviewPage:
    rows: tuple[OverviewRow, ...]
    number: int
    size: int
    total: int


def rows(
    tasks: Iterable[InferenceTask],
    snapshots: Iterable[DigestSnapshot],
    images: Iterable[ServiceImage],
    now: datetime,
) -> list[OverviewRow]:
    """One row for each repository and platform with a snapshot or a task."""
    tasks_of: defaultdict[tuple[str, Platform], list[InferenceTask]] = defaultdict(list)
    snapshots_of: defaultdict[tuple[str, Platform], list[DigestSnapshot]] = defaultdict(list)
    for task in tasks:
        tasks_of[(task.key.repository, task.key.platform)].append(task)
    for snapshot in snapshots:
        snapshots_of[(snapshot.key.repository, snapshot.key.platform)].append(snapshot)
    services = Counter(
        image.ref.repository for image in images if image.needs_inference and not image.archived
    )
    unsorted = [
        _row(*group, tasks_of.get(group, []), snapshots_of.get(group, []), services[group[0]], now)
        for group in tasks_of.keys() | snapshots_of.keys()
    ]
    return sorted(unsorted, key=_order)


def _order(row: OverviewRow) -> tuple[int, float, str, str]:
    age = -row.updated_at.timestamp() if row.updated_at else 0.0
    return (_RANK[row.status], age, row.repository, str(row.platform))


def _row(
    repository: str,
    platform: Platform,
    tasks: Sequence[InferenceTask],
    snapshots: Sequence[DigestSnapshot],
    services: int,
    now: datetime,
) -> OverviewRow:
    status, task = _status(tasks, snapshots, now)
    checked_at = max((snapshot.checked_at for snapshot in snapshots), default=None)
    return OverviewRow(
        repository=repository,
        platform=platform,
        status=status,
        services=services,
        has_snapshot=bool(snapshots),
        reason=task.reason if task else _REASONS.get(status),
        checked_at=checked_at,
        updated_at=max((each.updated_at for each in tasks), default=checked_at),
        progress=task.progress if task and status is OverviewStatus.RUNNING else None,
    )


_REASONS = {
    OverviewStatus.STALE: InferenceReason.CACHE_STALE,
    OverviewStatus.ALL_FAILED: InferenceReason.ALL_FAILED,
}


def _status(
    tasks: Sequence[InferenceTask], snapshots: Sequence[DigestSnapshot], now: datetime
) -> tuple[OverviewStatus, InferenceTask | None]:
    """The status and, for a queued or running row, its most urgent task."""
    for status in (TaskStatus.RUNNING, TaskStatus.QUEUED):
        matching = [task for task in tasks if task.status is status]
        if matching:
            return OverviewStatus(status.value), min(matching, key=lambda task: task.reason.urgency)
    if any(now - snapshot.checked_at > STALE_AFTER for snapshot in snapshots):
        return OverviewStatus.STALE, None
    if all(snapshot.all_failed for snapshot in snapshots):
        return OverviewStatus.ALL_FAILED, None
    return OverviewStatus.READY, None


def page(all_rows: Sequence[OverviewRow], row_filter: OverviewFilter, number: int, size: int) -> OverviewPage:
    """A number below 1 means the first page. A size outside 1 to 200 means the nearest of the two."""
    number, size = max(number, 1), min(max(size, 1), MOST_PER_PAGE)
    admitted = [row for row in all_rows if row_filter.admits(row)]
    first = (number - 1) * size
    return OverviewPage(tuple(admitted[first : first + size]), number, size, len(admitted))
