"""The rows of the overview: their status, their order and their pages."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from dockrev.inference.overview import OverviewFilter, OverviewStatus, page, rows
from dockrev.oci.ref import ImageRef
from dockrev.versions.models import (
    DigestSnapshot,
    InferencePhase,
    InferenceProgress,
    InferenceReason,
    InferenceTask,
    Lookup,
    ScanCounts,
    TaskStatus,
)
from dockrev.versions.service_image import ServiceImage
from tests.inference.building import AMD64, WEB, digest, key

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def snapshot(
    name: str = "a", age: timedelta = DAY, *, failed: bool = False, repository: str = WEB
) -> DigestSnapshot:
    scan = ScanCounts(error=1) if failed else ScanCounts(1, 1, 1)
    return DigestSnapshot(key(name, repository), () if failed else ("1",), NOON - age, scan)


def task(
    name: str = "a",
    status: TaskStatus = TaskStatus.QUEUED,
    reason: InferenceReason = InferenceReason.CACHE_MISS,
    repository: str = WEB,
) -> InferenceTask:
    return InferenceTask(Lookup(key(name, repository), reason), NOON, NOON, status)


RUNNING = task("run", TaskStatus.RUNNING, InferenceReason.FORCE)


@pytest.mark.parametrize(
    ("tasks", "snapshots", "status", "reason"),
    [
        ([task(), RUNNING], [snapshot()], "running", "force"),
        ([task()], [snapshot(age=9 * DAY)], "queued", "cache_miss"),
        (
            [task("a", reason=InferenceReason.STARTUP_WARMUP), task("b", reason=InferenceReason.FORCE)],
            [],
            "queued",
            "force",
        ),
        ([], [snapshot(), snapshot("b", age=8 * DAY)], "stale", "cache_stale"),
        ([], [snapshot("a", failed=True), snapshot("b", failed=True)], "all_failed", "all_failed"),
        ([], [snapshot("a", failed=True), snapshot("b")], "ready", None),
        ([], [snapshot(age=7 * DAY)], "ready", None),
    ],
)
def test_the_status_of_a_row(
    tasks: Sequence[InferenceTask], snapshots: Sequence[DigestSnapshot], status: str, reason: str | None
) -> None:
    (row,) = rows(tasks, snapshots, [], NOON)
    assert (row.status, row.reason) == (status, reason)
    assert row.key == f"{WEB}@linux/amd64"
    assert row.has_snapshot == bool(snapshots)


def test_rows_are_ordered_by_status_then_age_then_name() -> None:
    ordered = rows(
        [task(repository="r/queued"), task("x", TaskStatus.RUNNING, repository="r/running")],
        [
            snapshot(repository="r/ready-b"),
            snapshot(repository="r/ready-a"),
            snapshot(repository="r/ready-new", age=timedelta(hours=1)),
            snapshot(repository="r/stale", age=9 * DAY),
            snapshot(repository="r/failed", failed=True),
        ],
        [],
        NOON,
    )
    assert [row.repository.removeprefix("r/") for row in ordered] == [
        "running",
        "queued",
        "stale",
        "failed",
        "ready-new",
        "ready-a",
        "ready-b",
    ]


def test_only_services_that_need_a_version_are_counted() -> None:
    service = ServiceImage("svc_1", ImageRef.parse(WEB), "latest", AMD64, digest("a"))
    services = [
        service,
        replace(service, service_id="svc_2", candidate=digest("b")),
        replace(service, service_id="svc_3", archived=True),
        replace(service, service_id="svc_4", tag="1.4.0"),
        replace(service, service_id="svc_5", current=None),
    ]
    (row,) = rows([], [snapshot()], services, NOON)
    assert row.services == 2


def test_only_a_running_task_shows_progress() -> None:
    progress = InferenceProgress(InferencePhase.SCANNING, "scanning manifests (1/2)", 1, 1, 2, NOON)
    (row,) = rows([replace(RUNNING, progress=progress)], [], [], NOON)
    assert row.progress == progress


FOUND = rows(
    [task(repository="r/c")], [snapshot(repository=f"r/{name}") for name in ("A1", "a2", "b")], [], NOON
)


@pytest.mark.parametrize(
    ("row_filter", "number", "size", "names", "total"),
    [
        (OverviewFilter(), 1, 50, ["r/c", "r/A1", "r/a2", "r/b"], 4),
        (OverviewFilter("A"), 1, 50, ["r/c", "r/A1", "r/a2", "r/b"], 4),
        (OverviewFilter("/a"), 1, 50, ["r/c", "r/A1", "r/a2", "r/b"], 4),
        (OverviewFilter("R/A"), 1, 50, ["r/A1", "r/a2"], 2),
        (OverviewFilter("r/a", OverviewStatus.QUEUED), 1, 50, [], 0),
        (OverviewFilter(status=OverviewStatus.QUEUED), 1, 50, ["r/c"], 1),
        (OverviewFilter(), 2, 3, ["r/b"], 4),
        (OverviewFilter(), 9, 3, [], 4),
        (OverviewFilter(), 0, 0, ["r/c"], 4),
        (OverviewFilter(), -5, -5, ["r/c"], 4),
    ],
)
def test_the_overview_can_be_filtered_and_paged(
    row_filter: OverviewFilter, number: int, size: int, names: list[str], total: int
) -> None:
    shown = page(FOUND, row_filter, number, size)
    assert ([row.repository for row in shown.rows], shown.total) == (names, total)


def test_a_page_has_at_most_two_hundred_rows() -> None:
    assert page(FOUND, OverviewFilter(), 1, 1_000).size == 200
