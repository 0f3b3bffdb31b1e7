"""Makes a backup: finds the data, measures it, holds those who write to it, and copies it."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path

import structlog

from dockrev.backups.access import DataAccess, Place
from dockrev.backups.archive import PIECE, ArchiveWriter, TargetWriter
from dockrev.backups.manifest import ArchivedTarget, BackedUpService, Head
from dockrev.backups.measuring import Measured, measure, require_room
from dockrev.backups.models import (
    BackupResult,
    BackupStatus,
    DataProgress,
    Manner,
    OnProgress,
    Skipped,
    SkipReason,
    TargetResult,
)
from dockrev.backups.shielding import to_the_end
from dockrev.backups.store import BackupStore
from dockrev.backups.suspension import Suspensions
from dockrev.backups.tar_scanner import BrokenTar
from dockrev.backups.targets import FoundTarget, targets_of
from dockrev.backups.users import DataUsers
from dockrev.clock import Clock
from dockrev.docker.data import BackupTarget
from dockrev.docker.inspect import ContainerDetail
from dockrev.errors import BackupError, DockerError
from dockrev.hosts.host import Host
from dockrev.ids import IdPrefix, new_id
from dockrev.stacks.models import BackupChoice, Service, Stack
from dockrev.system.settings import BackupSettings, SuspendMode

log = structlog.get_logger()

FAILURES = (DockerError, BackupError, BrokenTar, OSError)


@dataclass(frozen=True, slots=True)
class Order:
    """What a backup is wanted of."""

    job_id: str | None
    stack: Stack
    services: tuple[Service, ...]
    settings: BackupSettings
    on_progress: OnProgress


@dataclass(frozen=True, slots=True)
class _Planned:
    """A target that goes into the archive."""

    found: FoundTarget
    place: Place
    measured: Measured


class Taking:
    def __init__(self, host: Host, store: BackupStore, clock: Clock, users: DataUsers) -> None:
        self._users = users
        self._containers = host.containers
        self._access = DataAccess(host)
        self._suspensions = Suspensions(host, store)
        self._store = store
        self._clock = clock

    async def take(self, order: Order) -> BackupResult:
        """A failure is a result too. Raises StorageError when the database cannot be written."""
        try:
            return await self._take(order)
        except FAILURES as error:
            told = told_failure(error)
            log.warning("Backup failed", action="backup.failed", stack=order.stack.name, cause=told)
            return BackupResult(BackupStatus.FAILED, error=told)

    async def _take(self, order: Order) -> BackupResult:
        services = [
            (service, await self._containers.of_service(order.stack.name, service.name))
            for service in order.services
        ]
        found = targets_of(
            ((one.settings, containers) for one, containers in services), order.settings.base_dir
        )
        if not found:
            return BackupResult.skip(SkipReason.NO_TARGETS)
        image_id = next(one.image_id for _, containers in services for one in containers)
        planned, results = await self._plan(found, image_id, order.settings)
        if not planned:
            return BackupResult.skip(SkipReason.NO_INCLUDED_TARGETS, results)
        head = _head(order, services, self._clock.now())
        path = _path(order.settings, head)
        async with self._recorded(head, path, planned):
            archived, size = await self._copy(order, head, path, planned, image_id)
        await to_the_end(self._store.succeed(head.backup_id, size))
        log.info("Backup made", action="backup.made", backup_id=head.backup_id, path=str(path), bytes=size)
        return BackupResult(
            BackupStatus.SUCCESS,
            backup_id=head.backup_id,
            artifact_path=str(path),
            size_bytes=size,
            targets=_with_sizes(results, archived),
        )

    async def _plan(
        self, found: Iterable[FoundTarget], image_id: str, settings: BackupSettings
    ) -> tuple[list[_Planned], tuple[TargetResult, ...]]:
        planned, results = [], []
        for index, one in enumerate(found):
            place = Place.of(one.target, index)
            considered = await self._considered(one, place, image_id, settings)
            if isinstance(considered, Measured):
                planned.append(_Planned(one, place, considered))
                considered = one.include(considered.size_bytes)
            results.append(considered)
        return planned, tuple(results)

    async def _considered(
        self, one: FoundTarget, place: Place, image_id: str, settings: BackupSettings
    ) -> Measured | TargetResult:
        """What cannot be read is left out only where a backup may be missing."""
        if one.skipped:
            return one.leave_out(one.skipped)
        try:
            measured = await measure(
                self._access, place, image_id, one.limit(settings.skip_targets_over_bytes)
            )
        except (DockerError, BrokenTar) as error:
            if settings.require_success or one.choice is BackupChoice.FORCE:
                raise BackupError(f"{one.target} cannot be read: {told_failure(error)}") from error
            return one.leave_out(Skipped.PROBE_ERROR, error=told_failure(error))
        if measured.over_limit:
            return one.leave_out(Skipped.BY_SIZE, size_bytes=measured.size_bytes)
        return measured if measured.archivable else one.leave_out(Skipped.SPECIAL_FILE)

    @asynccontextmanager
    async def _recorded(self, head: Head, path: Path, planned: Sequence[_Planned]) -> AsyncIterator[None]:
        """Whatever comes to be on the disk is known from before its beginning."""
        await asyncio.to_thread(_prepare, path, sum(one.measured.needed_bytes for one in planned))
        await self._store.begin(head, str(path), [one.found.target for one in planned])
        try:
            yield
        except FAILURES as error:
            await self._store.fail(head.backup_id, told_failure(error))
            raise
        except asyncio.CancelledError:
            await to_the_end(self._store.fail(head.backup_id, "cancelled"))
            raise

    async def _copy(
        self, order: Order, head: Head, path: Path, planned: Sequence[_Planned], image_id: str
    ) -> tuple[list[ArchivedTarget], int]:
        """Writers go on as soon as all is read, and before anybody calls it a success."""
        progress = _Progress(sum(one.measured.size_bytes for one in planned), order.on_progress)
        with ArchiveWriter(path, head) as archive:
            async with self._held(order, head.backup_id, [one.found.target for one in planned]):
                archived = [await self._copy_target(archive, one, image_id, progress) for one in planned]
            return archived, await to_the_end(asyncio.to_thread(archive.finish))

    async def _copy_target(
        self, archive: ArchiveWriter, one: _Planned, image_id: str, progress: "_Progress"
    ) -> ArchivedTarget:
        place = one.place
        target = archive.begin(place.target, place.label, place.root, one.found.destinations)
        progress.activity = f"backing up {place.target}"
        gathered = bytearray()
        async with aclosing(self._access.read(place, image_id)) as stream:
            async for chunk in stream:
                gathered += chunk
                if len(gathered) >= PIECE:
                    progress.add(len(gathered))
                    await _write(target, bytes(gathered))
                    gathered.clear()
        await _write(target, bytes(gathered))
        return await to_the_end(asyncio.to_thread(target.end))

    @asynccontextmanager
    async def _held(
        self, order: Order, backup_id: str, targets: Sequence[BackupTarget]
    ) -> AsyncIterator[None]:
        """The project's running containers that may change what is copied."""
        if order.settings.mode is SuspendMode.LIVE:
            yield
            return
        manner = Manner.PAUSED if order.settings.mode is SuspendMode.PAUSE else Manner.STOPPED
        writers = await self._users.writers(order.stack.name, targets)
        if manner is Manner.STOPPED:
            writers = await self._users.with_companions(writers)
        async with self._suspensions.suspended(backup_id, writers, manner):
            yield


class _Progress:
    def __init__(self, total: int, report: OnProgress) -> None:
        self.activity = ""
        self._total = total
        self._done = 0
        self._report = report

    def add(self, size: int) -> None:
        self._done += size
        self._report(DataProgress(self.activity, self._done, max(self._total, self._done)))


def told_failure(error: BaseException) -> str:
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        return f"{where}{error.strerror or error}"
    return str(error)


def _with_sizes(
    results: Iterable[TargetResult], archived: Iterable[ArchivedTarget]
) -> tuple[TargetResult, ...]:
    """As copied: data that is being written to is not what was measured."""
    sizes = {one.target: one.size_bytes for one in archived}
    return tuple(replace(one, size_bytes=sizes.get(one.target, one.size_bytes)) for one in results)


def _prepare(path: Path, needed_bytes: int) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    require_room(path.parent, needed_bytes)


def _path(settings: BackupSettings, head: Head) -> Path:
    name = f"{head.created_at:%Y%m%d-%H%M%SZ}-{head.backup_id}.tar.zst"
    return Path(settings.base_dir).absolute() / head.stack_id / name


def _head(order: Order, services: Iterable[tuple[Service, Sequence[ContainerDetail]]], now: datetime) -> Head:
    return Head(
        backup_id=new_id(IdPrefix.BACKUP),
        job_id=order.job_id,
        stack_id=order.stack.id,
        project=order.stack.name,
        created_at=now,
        services=tuple(
            BackedUpService(
                service_id=service.id,
                name=service.name,
                image_ids=tuple(dict.fromkeys(one.image_id for one in containers)),
                digests=tuple(sorted(service.runtime.digests)),
            )
            for service, containers in services
        ),
    )


async def _write(target: TargetWriter, data: bytes) -> None:
    await to_the_end(asyncio.to_thread(partial(target.write, data)))
