"""The state of version inference at a glance: one row for each repository and platform. No I/O."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from dockrev.inference.demand import Wanted
from dockrev.oci.platform import Platform
from dockrev.versions.models import InferenceReason, Progress, Snapshot, Task, TaskStatus
from dockrev.versions.state import STALE_AFTER

MOST_PER_PAGE = 200


class RowStatus(StrEnum):
    """In the order in which rows are shown, and in which a row takes its status."""

    RUNNING = "running"
    QUEUED = "queued"
    STALE = "stale"
    ALL_FAILED = "all_failed"
    READY = "ready"


_RANK = {status: rank for rank, status in enumerate(RowStatus)}


@dataclass(frozen=True, slots=True)
class Row:
    repository: str
    platform: Platform
    status: RowStatus
    services: int
    has_snapshot: bool
    reason: InferenceReason | None = None
    checked_at: datetime | None = None
    updated_at: datetime | None = None
    progress: Progress | None = None

    @property
    def key(self) -> str:
        return f"{self.repository}@{self.platform}"


@dataclass(frozen=True, slots=True)
class RowFilter:
    """`text` is looked for in repository and key, in any case."""

    text: str = ""
    status: RowStatus | None = None

    def admits(self, row: Row) -> bool:
        return self.text.lower() in row.key.lower() and self.status in (None, row.status)


@dataclass(frozen=True, slots=True)
class Page:
    rows: tuple[Row, ...]
    number: int
    size: int
    total: int


def rows(
    tasks: Iterable[Task], snapshots: Iterable[Snapshot], wanted: Iterable[Wanted], now: datetime
) -> list[Row]:
    """Of everything that has a snapshot or a task."""
    tasks_of: defaultdict[tuple[str, Platform], list[Task]] = defaultdict(list)
    snapshots_of: defaultdict[tuple[str, Platform], list[Snapshot]] = defaultdict(list)
    for task in tasks:
        tasks_of[(task.key.repository, task.key.platform)].append(task)
    for snapshot in snapshots:
        snapshots_of[(snapshot.key.repository, snapshot.key.platform)].append(snapshot)
    services = Counter(one.ref.repository for one in wanted if one.needs_inference and not one.archived)
    found = [
        _row(*group, tasks_of.get(group, []), snapshots_of.get(group, []), services[group[0]], now)
        for group in tasks_of.keys() | snapshots_of.keys()
    ]
    return sorted(found, key=_order)


def _order(row: Row) -> tuple[int, float, str, str]:
    age = -row.updated_at.timestamp() if row.updated_at else 0.0
    return (_RANK[row.status], age, row.repository, str(row.platform))


def _row(
    repository: str,
    platform: Platform,
    tasks: Sequence[Task],
    snapshots: Sequence[Snapshot],
    services: int,
    now: datetime,
) -> Row:
    status, task = _status(tasks, snapshots, now)
    checked_at = max((snapshot.checked_at for snapshot in snapshots), default=None)
    return Row(
        repository=repository,
        platform=platform,
        status=status,
        services=services,
        has_snapshot=bool(snapshots),
        reason=task.reason if task else _REASONS.get(status),
        checked_at=checked_at,
        updated_at=max((each.updated_at for each in tasks), default=checked_at),
        progress=task.progress if task and status is RowStatus.RUNNING else None,
    )


_REASONS = {
    RowStatus.STALE: InferenceReason.CACHE_STALE,
    RowStatus.ALL_FAILED: InferenceReason.ALL_FAILED,
}


def _status(
    tasks: Sequence[Task], snapshots: Sequence[Snapshot], now: datetime
) -> tuple[RowStatus, Task | None]:
    """The status and, where it comes from one, the most urgent task that says so."""
    for status in (TaskStatus.RUNNING, TaskStatus.QUEUED):
        found = [task for task in tasks if task.status is status]
        if found:
            return RowStatus(status.value), min(found, key=lambda task: task.reason.urgency)
    if any(now - snapshot.checked_at > STALE_AFTER for snapshot in snapshots):
        return RowStatus.STALE, None
    if all(snapshot.all_failed for snapshot in snapshots):
        return RowStatus.ALL_FAILED, None
    return RowStatus.READY, None


def page(found: Sequence[Row], wanted: RowFilter, number: int, size: int) -> Page:
    """Numbers below 1 mean the first page, sizes are held between 1 and 200."""
    number, size = max(number, 1), min(max(size, 1), MOST_PER_PAGE)
    admitted = [row for row in found if wanted.admits(row)]
    first = (number - 1) * size
    return Page(tuple(admitted[first : first + size]), number, size, len(admitted))
