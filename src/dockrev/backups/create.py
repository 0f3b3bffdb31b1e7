"""Creates a backup: finds the data, measures it, holds the containers that write to it, and copies it."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path

import structlog

from dockrev.backups.access import DataAccess, MountedTarget
from dockrev.backups.archive import PIECE, ArchiveWriter, TargetWriter
from dockrev.backups.hold import ContainerHolds
from dockrev.backups.manifest import ArchivedTarget, BackedUpService, Head
from dockrev.backups.measuring import TargetSize, measure, require_room
from dockrev.backups.models import (
    BackupResult,
    BackupSkipReason,
    BackupStatus,
    DataProgress,
    OnProgress,
    TargetResult,
    TargetSkipReason,
)
from dockrev.backups.settings import BackupSettings, HoldMode
from dockrev.backups.store import BackupStore
from dockrev.backups.tar_scanner import BrokenTar
from dockrev.backups.targets import CandidateTarget, candidate_targets
from dockrev.backups.users import DataUsers
from dockrev.clock import Clock
from dockrev.docker.data import BackupTarget
from dockrev.docker.inspect import ContainerDetail
from dockrev.errors import BackupError, DockerError
from dockrev.hosts.host import Host
from dockrev.ids import IdPrefix, new_id
from dockrev.jobs.models import BackupMode
from dockrev.settings.store import SettingsStore
from dockrev.stacks.models import BackupChoice, Service, Stack
from dockrev.uncancellable import uncancellable

log = structlog.get_logger()

FAILURES = (DockerError, BackupError, BrokenTar, OSError)


@dataclass(frozen=True, slots=True)
class _Order:
    job_id: str | None
    stack: Stack
    services: tuple[Service, ...]
    settings: BackupSettings
    on_progress: OnProgress


@dataclass(frozen=True, slots=True)
class _IncludedTarget:
    """A target that goes into the archive."""

    candidate: CandidateTarget
    mounted: MountedTarget
    size: TargetSize


class BackupCreator:
    def __init__(self, host: Host, store: BackupStore, settings: SettingsStore, clock: Clock) -> None:
        self._host_id = host.id
        self._containers = host.containers
        self._users = DataUsers(host)
        self._access = DataAccess(host)
        self._holds = ContainerHolds(host, store)
        self._store = store
        self._settings = settings
        self._clock = clock

    async def create(
        self,
        job_id: str | None,
        stack: Stack,
        services: Sequence[Service],
        mode: BackupMode,
        on_progress: OnProgress = lambda _: None,
    ) -> BackupResult:
        """Backs up the data of the services. A failure is a result; the caller decides whether it matters.

        A cancellation removes the unfinished backup and releases every container. Raises StorageError when
        the database cannot be written.
        """
        settings = await self._settings.section(BackupSettings)
        if mode is BackupMode.SKIP or (mode is BackupMode.INHERIT and not settings.enabled):
            return BackupResult.skip(BackupSkipReason.DISABLED)
        if not services:
            return BackupResult.skip(BackupSkipReason.NO_SERVICES)
        try:
            return await self._create(_Order(job_id, stack, tuple(services), settings, on_progress))
        except FAILURES as error:
            cause = describe_failure(error)
            log.warning("Backup failed", action="backup.failed", stack=stack.name, cause=cause)
            return BackupResult(BackupStatus.FAILED, error=cause)

    async def _create(self, order: _Order) -> BackupResult:
        services = [
            (service, await self._containers.of_service(order.stack.name, service.name))
            for service in order.services
        ]
        candidates = candidate_targets(
            ((service.settings, containers) for service, containers in services), order.settings.base_dir
        )
        if not candidates:
            return BackupResult.skip(BackupSkipReason.NO_TARGETS)
        image_id = next(container.image_id for _, containers in services for container in containers)
        included, results = await self._select(candidates, image_id, order.settings)
        if not included:
            return BackupResult.skip(BackupSkipReason.NO_INCLUDED_TARGETS, results)
        head = _head(order, services, self._clock.now())
        path = _archive_path(order.settings, head)
        async with self._recorded(head, path, included):
            archived, size = await self._copy(order, head, path, included, image_id)
        await uncancellable(self._store.succeed(head.backup_id, size))
        log.info("Backup made", action="backup.made", backup_id=head.backup_id, path=str(path), bytes=size)
        return BackupResult(
            BackupStatus.SUCCESS,
            backup_id=head.backup_id,
            artifact_path=str(path),
            size_bytes=size,
            targets=_with_copied_sizes(results, archived),
        )

    async def _select(
        self, candidates: Iterable[CandidateTarget], image_id: str, settings: BackupSettings
    ) -> tuple[list[_IncludedTarget], tuple[TargetResult, ...]]:
        included, results = [], []
        for index, candidate in enumerate(candidates):
            mounted = MountedTarget.of(candidate.target, index)
            outcome = await self._size_or_skip(candidate, mounted, image_id, settings)
            if isinstance(outcome, TargetSize):
                included.append(_IncludedTarget(candidate, mounted, outcome))
                outcome = candidate.include(outcome.size_bytes)
            results.append(outcome)
        return included, tuple(results)

    async def _size_or_skip(
        self, candidate: CandidateTarget, mounted: MountedTarget, image_id: str, settings: BackupSettings
    ) -> TargetSize | TargetResult:
        """Skips data that cannot be read, but only if the settings allow an update without a backup."""
        if candidate.skipped:
            return candidate.leave_out(candidate.skipped)
        try:
            limit = candidate.limit(settings.skip_targets_over_bytes)
            size = await measure(self._access, mounted, image_id, limit)
        except (DockerError, BrokenTar) as error:
            cause = describe_failure(error)
            if settings.require_success or candidate.choice is BackupChoice.FORCE:
                raise BackupError(f"{candidate.target} cannot be read: {cause}") from error
            return candidate.leave_out(TargetSkipReason.PROBE_ERROR, error=cause)
        if size.over_limit:
            return candidate.leave_out(TargetSkipReason.BY_SIZE, size_bytes=size.size_bytes)
        return size if size.archivable else candidate.leave_out(TargetSkipReason.SPECIAL_FILE)

    @asynccontextmanager
    async def _recorded(
        self, head: Head, path: Path, included: Sequence[_IncludedTarget]
    ) -> AsyncIterator[None]:
        """Records the backup before its files exist, so that a crash leaves no file without a record."""
        await asyncio.to_thread(_prepare, path, sum(each.size.needed_bytes for each in included))
        await self._store.begin(head, str(path), [each.candidate.target for each in included], self._host_id)
        try:
            yield
        except FAILURES as error:
            await self._store.fail(head.backup_id, describe_failure(error))
            raise
        except asyncio.CancelledError:
            await uncancellable(self._store.fail(head.backup_id, "cancelled"))
            raise

    async def _copy(
        self, order: _Order, head: Head, path: Path, included: Sequence[_IncludedTarget], image_id: str
    ) -> tuple[list[ArchivedTarget], int]:
        """Copies all targets. Releases the containers when all data is read, then completes the archive."""
        progress = _Progress(sum(each.size.size_bytes for each in included), order.on_progress)
        with ArchiveWriter(path, head) as archive:
            async with self._writers_held(
                order, head.backup_id, [each.candidate.target for each in included]
            ):
                archived = [await self._copy_target(archive, each, image_id, progress) for each in included]
            return archived, await uncancellable(asyncio.to_thread(archive.finish))

    async def _copy_target(
        self, archive: ArchiveWriter, included: _IncludedTarget, image_id: str, progress: "_Progress"
    ) -> ArchivedTarget:
        mounted = included.mounted
        writer = archive.begin(mounted.target, mounted.label, mounted.root, included.candidate.destinations)
        progress.activity = f"backing up {mounted.target}"
        buffer = bytearray()
        async with aclosing(self._access.read(mounted, image_id)) as stream:
            async for chunk in stream:
                buffer += chunk
                if len(buffer) >= PIECE:
                    progress.add(len(buffer))
                    await _write(writer, bytes(buffer))
                    buffer.clear()
        await _write(writer, bytes(buffer))
        return await uncancellable(asyncio.to_thread(writer.end))

    @asynccontextmanager
    async def _writers_held(
        self, order: _Order, backup_id: str, targets: Sequence[BackupTarget]
    ) -> AsyncIterator[None]:
        """Holds the project's running containers that can change the data, in the configured hold mode."""
        if order.settings.mode is HoldMode.LIVE:
            yield
            return
        writers = await self._users.containers_writing(order.stack.name, targets)
        if order.settings.mode is HoldMode.STOP:
            writers = await self._users.in_stop_order(writers)
        async with self._holds.held(backup_id, writers, order.settings.mode):
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


def describe_failure(error: BaseException) -> str:
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        return f"{where}{error.strerror or error}"
    return str(error)


def _with_copied_sizes(
    results: Iterable[TargetResult], archived: Iterable[ArchivedTarget]
) -> tuple[TargetResult, ...]:
    """Replaces the measured sizes by the copied ones, because data may change in between."""
    sizes = {each.target: each.size_bytes for each in archived}
    return tuple(
        replace(result, size_bytes=sizes.get(result.target, result.size_bytes)) for result in results
    )


def _prepare(path: Path, needed_bytes: int) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    require_room(path.parent, needed_bytes)


def _archive_path(settings: BackupSettings, head: Head) -> Path:
    name = f"{head.created_at:%Y%m%d-%H%M%SZ}-{head.backup_id}.tar.zst"
    return Path(settings.base_dir).absolute() / head.stack_id / name


def _head(
    order: _Order, services: Iterable[tuple[Service, Sequence[ContainerDetail]]], now: datetime
) -> Head:
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
                image_ids=tuple(dict.fromkeys(container.image_id for container in containers)),
                digests=tuple(sorted(service.runtime.digests)),
            )
            for service, containers in services
        ),
    )


async def _write(writer: TargetWriter, data: bytes) -> None:
    await uncancellable(asyncio.to_thread(partial(writer.write, data)))
