"""All that others need of backups, in one place."""

import asyncio
from collections.abc import Collection, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Self

import structlog

from dockrev.backups.archive import remove_files
from dockrev.backups.models import (
    Backup,
    BackupResult,
    DataProgress,
    OnProgress,
    Restored,
    SkipReason,
    Suspension,
    VerifiedTarget,
)
from dockrev.backups.restoring import Restoring
from dockrev.backups.retention import BackupRetention
from dockrev.backups.store import BackupStore
from dockrev.backups.suspension import Suspensions
from dockrev.backups.taking import Order, Taking, told_failure
from dockrev.backups.users import DataUsers
from dockrev.clock import Clock
from dockrev.db.database import Database
from dockrev.docker.data import BackupTarget
from dockrev.docker.snapshot import Container
from dockrev.errors import BackupError, DockerError
from dockrev.hosts.host import Host
from dockrev.jobs.models import BackupMode
from dockrev.stacks.models import Service, Stack
from dockrev.system.settings import SettingsStore

log = structlog.get_logger()


def _unwatched(progress: DataProgress) -> None:
    del progress


class Backups:
    def __init__(self, host: Host, store: BackupStore, settings: SettingsStore, clock: Clock) -> None:
        self._store = store
        self._settings = settings
        self._clock = clock
        self._containers = host.containers
        self._suspensions = Suspensions(host, store)
        self._users = DataUsers(host)
        self._taking = Taking(host, store, clock, self._users)
        self._restoring = Restoring(host, store, self._users)
        self._retention = BackupRetention(store, settings, clock)
        self._to_wake: list[Suspension] = []

    @classmethod
    def of(cls, host: Host, database: Database, settings: SettingsStore, clock: Clock) -> Self:
        return cls(host, BackupStore(database, clock), settings, clock)

    async def back_up(
        self,
        job_id: str | None,
        stack: Stack,
        services: Sequence[Service],
        mode: BackupMode,
        on_progress: OnProgress = _unwatched,
    ) -> BackupResult:
        """A failure is a result too; whether it matters is the caller's to decide.

        When it is cancelled, nothing of it is left and every container goes on.
        """
        settings = await self._settings.backup()
        if mode is BackupMode.SKIP or (mode is BackupMode.INHERIT and not settings.enabled):
            return BackupResult.skip(SkipReason.DISABLED)
        if not services:
            return BackupResult.skip(SkipReason.NO_SERVICES)
        return await self._taking.take(Order(job_id, stack, tuple(services), settings, on_progress))

    async def settle(self, job_id: str) -> None:
        """The update that its backups were made for has succeeded: from now on they age."""
        settings = await self._settings.backup()
        stable = timedelta(seconds=settings.delete_after_stable_seconds)
        await self._store.settle(job_id, self._clock.now() + stable)

    async def restore(
        self,
        backup_id: str,
        targets: Collection[BackupTarget] | None = None,
        *,
        stop_users: bool,
        on_progress: OnProgress = _unwatched,
    ) -> tuple[Restored, ...]:
        """See `Restoring.restore`."""
        return await self._restoring.restore(backup_id, targets, on_progress, stop_users=stop_users)

    async def verify(self, backup_id: str, *, live: bool = False) -> tuple[VerifiedTarget, ...]:
        return await self._restoring.verify(backup_id, live=live)

    async def users(self, targets: Collection[BackupTarget]) -> tuple[Container, ...]:
        return await self._users.sufferers(targets)

    async def having(self, targets: Collection[BackupTarget]) -> tuple[Container, ...]:
        return await self._users.having(targets)

    async def get(self, backup_id: str) -> Backup:
        return await self._store.get(backup_id)

    async def all(self) -> list[Backup]:
        return await self._store.all()

    async def repair(self) -> None:
        """At start, before any job goes on: nothing that a crash left half done stays.

        An engine that cannot be asked yet keeps nobody from starting.
        """
        for backup in await self._store.unfinished():
            await asyncio.to_thread(_remove_remains, Path(backup.artifact_path))
            await self._store.fail(backup.id, "the server ended in the middle of it")
            log.warning("Unfinished backup removed", action="backup.removed", backup_id=backup.id)
        self._to_wake = await self._suspensions.left_behind()
        await self._wake()
        try:
            for helper in await self._containers.helpers():
                await self._containers.remove_helper(helper.id)
        except DockerError as error:
            log.warning("Helper containers may be left", action="backup.helpers_left", cause=error.message)

    async def maintain(self) -> None:
        """Wakes containers that could not be woken at start, and deletes backups that are too old."""
        await self._wake()
        await self._retention.purge()

    async def _wake(self) -> None:
        try:
            await self._suspensions.wake_all(self._to_wake)
            self._to_wake = []
        except BackupError as error:
            log.error(
                "Containers of an interrupted backup are held", action="backup.held", cause=error.message
            )


def _remove_remains(path: Path) -> None:
    try:
        remove_files(path)
    except OSError as error:
        log.warning(
            "Unfinished backup not removed",
            action="backup.remains",
            path=str(path),
            cause=told_failure(error),
        )
