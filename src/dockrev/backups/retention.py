"""Deletes old backups, a few at a time."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from dockrev.backups.archive import remove_files
from dockrev.backups.jobs import JOB_TYPE
from dockrev.backups.models import Backup
from dockrev.backups.settings import BackupSettings
from dockrev.backups.store import BackupStore
from dockrev.clock import Clock
from dockrev.jobs.models import Job, JobStatus
from dockrev.jobs.store import JobStore
from dockrev.settings.store import SettingsStore

log = structlog.get_logger()

_BATCH = 50


@dataclass(frozen=True, slots=True)
class Purged:
    backups: int = 0
    bytes: int = 0
    """How much disk space was freed."""


class BackupRetention:
    def __init__(self, store: BackupStore, jobs: JobStore, settings: SettingsStore, clock: Clock) -> None:
        self._store = store
        self._jobs = jobs
        self._settings = settings
        self._clock = clock

    async def job_finished(self, connection: AsyncConnection, job: Job) -> None:
        """A hook of the transaction that ends a job.

        Sets the time from which the backups of a successful update may be deleted.
        """
        if job.status is JobStatus.SUCCESS:
            settings = await self._settings.section(BackupSettings, connection)
            stable = timedelta(seconds=settings.delete_after_stable_seconds)
            await self._store.set_cleanup_after(connection, job.id, self._clock.now() + stable)

    async def purge(self) -> Purged:
        """Deletes the backups that are due, but none that a restore still needs."""
        settings = await self._settings.section(BackupSettings)
        due = deletable(await self._store.kept(), settings.keep_last, self._clock.now())[:_BATCH]
        purged = Purged()
        for backup in due:
            # A restore may begin while the files of other backups are deleted.
            if backup.id in await self._needed_by_restores():
                continue
            if await asyncio.to_thread(_remove, Path(backup.artifact_path)):
                await self._store.mark_deleted(backup.id)
                purged = Purged(purged.backups + 1, purged.bytes + (backup.size_bytes or 0))
        if purged.backups:
            log.info("Old backups deleted", action="backups.purged", count=purged.backups, bytes=purged.bytes)
        return purged

    async def _needed_by_restores(self) -> set[str]:
        """The backups that a restore reads, will read after a restart, or has to repeat after a failure."""
        restores = [job for job in await self._jobs.unfinished() if job.type == JOB_TYPE]
        named = {str(job.summary.get("backupId")) for job in restores}
        return named | await self._store.awaiting_restore()


def deletable(kept: Sequence[Backup], keep_last: int, now: datetime) -> list[Backup]:
    """The backups to delete, oldest first. `kept` is newest first.

    The newest `keep_last` backups of each stack always stay. The backup of a failed update stays until the
    backup of a later, successful update may be deleted.
    """
    stacks: dict[str, list[Backup]] = defaultdict(list)
    for backup in kept:
        stacks[backup.stack_id].append(backup)
    due = [backup for backups in stacks.values() for backup in _deletable(backups, keep_last, now)]
    return sorted(due, key=lambda backup: backup.created_at)


def _deletable(newest_first: Sequence[Backup], keep_last: int, now: datetime) -> list[Backup]:
    due, later_one_is_due = [], False
    for index, backup in enumerate(newest_first):
        is_due = backup.cleanup_after is not None and backup.cleanup_after <= now
        if index >= keep_last and (is_due or (later_one_is_due and backup.cleanup_after is None)):
            due.append(backup)
        later_one_is_due = later_one_is_due or is_due
    return due


def _remove(path: Path) -> bool:
    """False when the directory is missing or the files cannot be removed. The record stays as it is then."""
    if not path.parent.is_dir():
        return False
    try:
        remove_files(path)
    except OSError as error:
        log.warning("Backup not deleted", action="backups.delete_failed", path=str(path), cause=str(error))
        return False
    return True
