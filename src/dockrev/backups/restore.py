"""Restores data to exactly the archived tree, then reads it again to verify it."""

import asyncio
import tarfile
from collections.abc import AsyncGenerator, Collection, Sequence
from contextlib import suppress
from pathlib import Path

import structlog

from dockrev.backups.access import DataAccess, MountedTarget
from dockrev.backups.archive import tree_of
from dockrev.backups.hold import ContainerHolds
from dockrev.backups.manifest import ArchivedTarget, Manifest
from dockrev.backups.models import DataProgress, OnProgress, OnRestoreStep, RestoredTarget, RestoreStep
from dockrev.backups.settings import HoldMode
from dockrev.backups.store import BackupStore
from dockrev.backups.tar_scanner import END
from dockrev.backups.users import DataUsers
from dockrev.backups.verify import BackupVerification, read_checked, usable_archive
from dockrev.docker.data import BackupTarget
from dockrev.docker.snapshot import Container
from dockrev.errors import BackupError, Conflict, DockerError, InvalidArgument
from dockrev.hosts.host import Host
from dockrev.retry import RetryPolicy, retry

log = structlog.get_logger()


class RestoreDiffersError(BackupError):
    """The data was written, but differs from the archive."""


WRITE_AGAIN = RetryPolicy((3.0,), lambda error: isinstance(error, RestoreDiffersError))
"""An engine that shuts down may accept an archive although it has already unmounted the target."""


async def ignore_step(step: RestoreStep, text: str) -> None:
    del step, text


class BackupRestorer:
    def __init__(self, host: Host, store: BackupStore, retries: RetryPolicy = WRITE_AGAIN) -> None:
        self._users = DataUsers(host)
        self._access = DataAccess(host)
        self._holds = ContainerHolds(host, store)
        self._verification = BackupVerification(host, store)
        self._store = store
        self._retries = retries

    async def restore(
        self,
        backup_id: str,
        targets: Collection[BackupTarget] | None = None,
        *,
        stop_containers: bool,
        on_progress: OnProgress = lambda _: None,
        on_step: OnRestoreStep = ignore_step,
    ) -> tuple[RestoredTarget, ...]:
        """Restores these targets; None: all targets of the backup.

        It changes nothing before it has verified the whole archive. After a failure the stopped containers
        stay stopped until a restore of the same backup succeeds. Raises Conflict when running containers use
        the data and `stop_containers` is False.
        """
        path = usable_archive(await self._store.get(backup_id))
        await on_step(RestoreStep.VERIFY, f"reading the archive {path.name}")
        manifest = await read_checked(path)
        chosen = _chosen(manifest, targets)
        images = await self._verification.helper_images(manifest)
        users = await self._users.containers_to_stop([archived.target for archived in chosen])
        if users and not stop_containers:
            raise running_users(users)
        to_stop = await self._users.in_stop_order(users)
        names = ", ".join(container.name for container in to_stop)
        stopping = f"stopping {names}" if names else "no running container uses the data"
        await on_step(RestoreStep.STOP, stopping)
        await self._holds.hold(backup_id, to_stop, HoldMode.STOP, for_restore=True)
        restored, progress = [], _Progress(sum(archived.length for archived in chosen), on_progress)
        for archived in chosen:
            await on_step(RestoreStep.RESTORE, f"restoring {archived.target}")
            restored.append(await self._restore(path, archived, images, progress.report))
            progress.target_done(archived)
        await on_step(RestoreStep.START, "starting the containers that were stopped")
        await self._holds.release(backup_id)
        return tuple(restored)

    async def stopped_containers(self, backup_id: str) -> list[str]:
        """The names of the containers that stay stopped until a restore of this backup succeeds."""
        held = await self._store.held_containers(backup_id)
        return [container.name for container in held if container.for_restore]

    async def _restore(
        self, path: Path, archived: ArchivedTarget, images: Sequence[str], on_progress: OnProgress
    ) -> RestoredTarget:
        await retry(self._retries, lambda: self._write(path, archived, images, on_progress))
        target, entries = archived.target, archived.entries
        log.info("Data restored", action="backup.restored", target=str(target), entries=entries)
        return RestoredTarget(target, entries, archived.size_bytes)

    async def _write(
        self, path: Path, archived: ArchivedTarget, images: Sequence[str], on_progress: OnProgress
    ) -> None:
        """Writes the target and reads it again. Raises RestoreDiffersError."""
        mounted = MountedTarget.of_archived(archived)
        if not await self._replace(path, archived, mounted, images[0], on_progress):
            await self._rewrite(path, archived, mounted, images, on_progress)
        if differences := await self._verification.differences(path, archived, images[0]):
            lines = "; ".join(differences.lines())
            text = f"{archived.target} was restored, but differs from the archive: {lines}"
            raise RestoreDiffersError(text)

    async def _replace(
        self,
        path: Path,
        archived: ArchivedTarget,
        mounted: MountedTarget,
        image_id: str,
        on_progress: OnProgress,
    ) -> bool:
        """Replaces the target as a whole. False when that is not possible; the old data may be gone then."""
        async with self._access.open_parent(mounted, image_id) as parent:
            if parent is None:
                return False
            try:
                await self._access.write(parent, _tar(path, archived, on_progress, replacing=True))
            except DockerError as error:
                # Another file system is mounted at the target, so the target can be emptied but not removed.
                log.info(
                    "The target is restored in place", action="backup.restore_in_place", cause=error.message
                )
                return False
            return True

    async def _rewrite(
        self,
        path: Path,
        archived: ArchivedTarget,
        mounted: MountedTarget,
        images: Sequence[str],
        on_progress: OnProgress,
    ) -> None:
        """Writes into the existing target. Empties it first if it has files that the backup does not have."""
        if (await self._verification.differences(path, archived, images[0])).extra:
            await self._empty(mounted, images)
        async with self._access.open_target(mounted, images[0]) as target:
            await self._access.write(target, _tar(path, archived, on_progress, replacing=False))

    async def _empty(self, mounted: MountedTarget, images: Sequence[str]) -> None:
        for image_id in images:
            with suppress(DockerError):  # this image may have no shell
                await self._access.empty(mounted, image_id)
                return
        raise BackupError(
            f"{mounted.target} has files that are not in the backup, and no image on this engine has a shell"
            " to remove them; pull an image with a shell, such as busybox, and restore again"
        )


def running_users(containers: Sequence[Container]) -> Conflict:
    names = [container.name for container in containers]
    return Conflict(f"running containers use this data: {', '.join(names)}", {"containers": names})


class _Progress:
    """Adds up the progress of the targets."""

    def __init__(self, total: int, on_progress: OnProgress) -> None:
        self._total = total
        self._done = 0
        self._on_progress = on_progress

    def report(self, target: DataProgress) -> None:
        self._on_progress(DataProgress(target.activity, self._done + target.bytes_done, self._total))

    def target_done(self, archived: ArchivedTarget) -> None:
        self._done += archived.length


def _chosen(manifest: Manifest, targets: Collection[BackupTarget] | None) -> list[ArchivedTarget]:
    in_backup = {archived.target: archived for archived in manifest.targets}
    for target in targets or ():
        if target not in in_backup:
            names = ", ".join(str(each) for each in in_backup)
            raise InvalidArgument(f"the backup does not hold {target}; it holds: {names}")
    return [archived for archived in manifest.targets if targets is None or archived.target in targets]


async def _tar(
    path: Path, archived: ArchivedTarget, on_progress: OnProgress, *, replacing: bool
) -> AsyncGenerator[bytes, None]:
    """The tar archive to write.

    `replacing` adds a file in place of the target as the first entry, so that the engine removes the old one.
    """
    if replacing:
        yield tarfile.TarInfo(archived.path).tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")
    written, pieces = 0, tree_of(path, archived)
    while (piece := await asyncio.to_thread(next, pieces, None)) is not None:
        yield piece
        written += len(piece)
        on_progress(DataProgress(f"restoring {archived.target}", written, archived.length))
    yield END
