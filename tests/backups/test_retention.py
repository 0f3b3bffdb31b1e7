from datetime import datetime, timedelta
from pathlib import Path

import pytest

from dockrev.backups.archive import manifest_path
from dockrev.backups.documents import RestoreSummary
from dockrev.backups.jobs import JOB_TYPE
from dockrev.backups.manifest import Head
from dockrev.backups.models import Backup, HeldContainer, RecordStatus
from dockrev.backups.retention import BackupRetention, Purged, deletable
from dockrev.backups.settings import BackupSettings, HoldMode
from dockrev.backups.store import BackupStore
from dockrev.db.database import Database
from dockrev.docker.data import BackupTarget, TargetKind
from dockrev.errors import InvalidArgument
from dockrev.hosts.local import LOCAL
from dockrev.jobs.feed import LogFeed
from dockrev.jobs.models import (
    JobOutcome,
    JobStatus,
    JobSummary,
    JobTarget,
    NewJob,
    Reason,
    Scope,
    Termination,
)
from dockrev.jobs.store import JobStore
from dockrev.settings.section import changed
from tests.fakes.clock import MovableClock
from tests.settings.building import settings_store
from tests.stacks.building import NOON

HOUR = timedelta(hours=1)
DATA = BackupTarget(TargetKind.VOLUME, "data")


def made(number: int, cleanup_after: datetime | None, *, stack_id: str = "stk_1") -> Backup:
    """A backup. A higher number makes it newer."""
    return Backup(
        id=f"bkp_{number}",
        host_id="local",
        stack_id=stack_id,
        project="blog",
        job_id=None,
        status=RecordStatus.SUCCESS,
        created_at=NOON + number * HOUR,
        finished_at=NOON,
        artifact_path="/x",
        size_bytes=1,
        targets=(DATA,),
        error=None,
        cleanup_after=cleanup_after,
        deleted_at=None,
    )


PAST, FUTURE, FAILED = NOON - HOUR, NOON + HOUR, None


@pytest.mark.parametrize(
    ("newest_first", "keep_last", "deleted"),
    [
        ([], 1, []),
        ([PAST], 1, []),
        ([PAST], 0, [0]),
        ([PAST, PAST, PAST], 1, [0, 1]),
        ([PAST, PAST, PAST], 2, [0]),
        ([FUTURE, PAST], 1, [0]),
        ([FUTURE, FUTURE], 1, []),
        ([FAILED, PAST], 1, [0]),
        ([FAILED, FAILED], 1, []),
        ([PAST, FAILED], 1, [0]),
        ([FUTURE, FAILED], 1, []),
        ([FAILED, PAST, FAILED], 1, [0, 1]),
        ([FAILED], 0, []),
    ],
)
def test_the_backups_that_may_be_deleted(
    newest_first: list[datetime | None], keep_last: int, deleted: list[int]
) -> None:
    last = len(newest_first) - 1
    kept = [made(last - at, moment) for at, moment in enumerate(newest_first)]
    assert [one.id for one in deletable(kept, keep_last, NOON)] == [f"bkp_{number}" for number in deleted]


def test_each_stack_keeps_its_newest_backups() -> None:
    kept = [made(number, PAST, stack_id=f"stk_{number}") for number in (3, 2, 1)]
    assert deletable(kept, 1, NOON) == []


class Shelf:
    """Backups with their files and records."""

    def __init__(self, database: Database, clock: MovableClock, directory: Path) -> None:
        self.database = database
        self.clock = clock
        self.directory = directory
        self.store = BackupStore(database, clock)
        self.settings = settings_store(database, clock)
        self.jobs = JobStore(database, LogFeed(), clock)
        self.retention = BackupRetention(self.store, self.jobs, self.settings, clock)

    async def add(self, number: int, *, stable: bool = True) -> Path:
        path = self.directory / f"{number}.tar.zst"
        self.directory.mkdir(exist_ok=True)
        path.write_bytes(b"x" * 10)
        manifest_path(path).write_bytes(b"x")
        job = NewJob(f"job_{number}", "update", JobTarget(Scope.ALL), "ivan", Reason.UI)
        await self.jobs.start(job, None)
        head = Head(f"bkp_{number}", job.id, "stk_1", "blog", self.clock.now() + number * HOUR, ())
        await self.store.begin(head, str(path), [DATA])
        await self.store.succeed(head.backup_id, 10)
        if stable:
            async with self.database.write() as connection:
                await self.store.set_cleanup_after(connection, job.id, self.clock.now())
        return path

    @property
    def names(self) -> list[str]:
        return sorted(path.name for path in self.directory.iterdir())


@pytest.fixture
def shelf(database: Database, clock: MovableClock, tmp_path: Path) -> Shelf:
    return Shelf(database, clock, tmp_path / "backups")


async def test_old_backups_are_deleted_with_their_manifests_and_their_records_stay(shelf: Shelf) -> None:
    for number in range(3):
        await shelf.add(number)

    assert await shelf.retention.purge() == Purged(2, 20)

    assert shelf.names == ["2.manifest.jsonl", "2.tar.zst"]
    assert [one.deleted_at is not None for one in await shelf.store.all()] == [False, True, True]
    assert await shelf.retention.purge() == Purged()


async def test_the_setting_decides_how_many_backups_are_kept(shelf: Shelf) -> None:
    await shelf.settings.save(BackupSettings(keep_last=3), changed_by="ivan")
    for number in range(3):
        await shelf.add(number)
    assert await shelf.retention.purge() == Purged()


async def test_a_disk_that_is_not_mounted_keeps_the_records(shelf: Shelf) -> None:
    for number in range(2):
        await shelf.add(number)
    shelf.directory.rename(shelf.directory.with_name("elsewhere"))

    assert await shelf.retention.purge() == Purged()
    assert [one.deleted_at for one in await shelf.store.all()] == [None, None]


@pytest.mark.parametrize(
    ("status", "kept_for"), [(JobStatus.SUCCESS, timedelta(hours=2)), (JobStatus.FAILED, None)]
)
async def test_the_end_of_a_successful_job_sets_when_its_backups_may_be_deleted(
    shelf: Shelf, status: JobStatus, kept_for: timedelta | None
) -> None:
    shelf.jobs.on_finished(shelf.retention.job_finished)
    await shelf.settings.save(BackupSettings(delete_after_stable_seconds=7200), changed_by="ivan")
    await shelf.add(0, stable=False)
    await shelf.jobs.finish("job_0", JobOutcome(status, JobSummary()))
    (backup,) = await shelf.store.kept()
    assert backup.cleanup_after == (kept_for and shelf.clock.now() + kept_for)


async def test_a_backup_outlives_the_record_of_its_job(shelf: Shelf) -> None:
    await shelf.add(0, stable=False)
    await shelf.jobs.terminate("job_0", Termination.CANCELLED)
    await shelf.jobs.delete_finished_before(shelf.clock.now() + HOUR, 10)
    (kept,) = await shelf.store.kept()
    assert (kept.id, kept.job_id) == ("bkp_0", None)


async def test_a_failed_backup_does_not_count_as_the_last_one(shelf: Shelf) -> None:
    await shelf.add(0)
    failed = Head("bkp_9", None, "stk_1", "blog", shelf.clock.now() + 9 * HOUR, ())
    await shelf.store.begin(failed, str(shelf.directory / "9.tar.zst"), [DATA])
    await shelf.store.fail(failed.backup_id, "disk full")

    assert await shelf.retention.purge() == Purged()
    assert shelf.names == ["0.manifest.jsonl", "0.tar.zst"]


async def test_a_backup_stays_until_its_restore_has_ended(shelf: Shelf) -> None:
    for number in range(3):
        await shelf.add(number)
    restore = NewJob(
        "job_9", JOB_TYPE, JobTarget(Scope.ALL), "ivan", Reason.UI, summary=RestoreSummary(backup_id="bkp_0")
    )
    await shelf.jobs.start(restore, None)

    assert await shelf.retention.purge() == Purged(1, 10)
    assert shelf.names == ["0.manifest.jsonl", "0.tar.zst", "2.manifest.jsonl", "2.tar.zst"]

    await shelf.jobs.finish(restore.id, JobOutcome(JobStatus.SUCCESS, RestoreSummary(restored=[])))
    assert await shelf.retention.purge() == Purged(1, 10)


async def test_a_backup_stays_while_containers_are_stopped_for_its_restore(shelf: Shelf) -> None:
    for number in range(3):
        await shelf.add(number)
    stopped = HeldContainer(LOCAL, "c1", "blog-web-1", HoldMode.STOP, for_restore=True)
    await shelf.store.record_hold("bkp_0", stopped)
    await shelf.store.record_hold("bkp_1", HeldContainer(LOCAL, "c2", "blog-db-1", HoldMode.STOP))

    assert await shelf.retention.purge() == Purged(1, 10)
    assert shelf.names == ["0.manifest.jsonl", "0.tar.zst", "2.manifest.jsonl", "2.tar.zst"]

    await shelf.store.forget_hold("c1")
    assert await shelf.retention.purge() == Purged(1, 10)


@pytest.mark.parametrize(
    ("field", "value"),
    [("deleteAfterStableSeconds", 2**53 - 1), ("deleteAfterStableSeconds", -1), ("keepLast", -1)],
)
def test_numbers_out_of_bounds_are_refused(field: str, value: int) -> None:
    with pytest.raises(InvalidArgument, match=f"backup.{field}"):
        changed(BackupSettings(), {field: value})


def test_ten_years_are_allowed() -> None:
    seconds = timedelta(days=3650) // timedelta(seconds=1)
    section = changed(BackupSettings(), {"keepLast": 0, "deleteAfterStableSeconds": seconds})
    assert (section.keep_last, section.delete_after_stable_seconds) == (0, seconds)
