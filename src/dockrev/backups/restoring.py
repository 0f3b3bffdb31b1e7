"""Brings data back: exactly the archived tree, nothing besides, and read again to be sure."""

import asyncio
import tarfile
from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from contextlib import aclosing, suppress
from pathlib import Path

import structlog

from dockrev.backups.access import DataAccess, Place
from dockrev.backups.archive import check_archive, manifest_path, read_backup, tree_of
from dockrev.backups.manifest import ArchivedTarget, Differences, Entries, Manifest
from dockrev.backups.models import (
    Backup,
    DataProgress,
    Manner,
    OnProgress,
    RecordStatus,
    Restored,
    VerifiedTarget,
)
from dockrev.backups.store import BackupStore
from dockrev.backups.suspension import Suspensions
from dockrev.backups.tar_scanner import END, Entry, TarScanner
from dockrev.backups.users import DataUsers
from dockrev.docker.data import BackupTarget
from dockrev.errors import BackupError, Conflict, DockerError, DockerNotFound, InvalidArgument
from dockrev.hosts.host import Host

log = structlog.get_logger()

_SECOND_TRY_SECONDS = 3.0


class Restoring:
    def __init__(self, host: Host, store: BackupStore, users: DataUsers) -> None:
        self._host = host
        self._users = users
        self._access = DataAccess(host)
        self._suspensions = Suspensions(host, store)
        self._store = store

    async def verify(self, backup_id: str, *, live: bool = False) -> tuple[VerifiedTarget, ...]:
        """The archive against its manifest; `live`: also the data as it is now. Raises BackupError."""
        path = _usable(await self._store.get(backup_id))
        manifest = await asyncio.to_thread(read_backup, path)
        await _check(path)
        images = await self._images(manifest) if live else []
        return tuple([await self._verified(path, one, images) for one in manifest.targets])

    async def restore(
        self,
        backup_id: str,
        wanted: Collection[BackupTarget] | None,
        on_progress: OnProgress,
        *,
        stop_users: bool,
    ) -> tuple[Restored, ...]:
        """None: all of it. Raises Conflict for running users of the data, unless they are to be stopped.

        Nothing is touched before the archive has proved to be whole. On a failure the containers that were
        stopped stay so, until the same backup is restored successfully.
        """
        path = _usable(await self._store.get(backup_id))
        manifest = await asyncio.to_thread(read_backup, path)
        chosen = _chosen(manifest, wanted)
        await _check(path)
        images = await self._images(manifest)
        users = await self._users.sufferers([one.target for one in chosen])
        if users and not stop_users:
            names = [one.name for one in users]
            raise Conflict(f"running containers use this data: {', '.join(names)}", {"containers": names})
        stopped = await self._users.with_companions(users)
        await self._suspensions.suspend(backup_id, stopped, Manner.STOPPED_FOR_RESTORE)
        restored = tuple([await self._restore(path, one, images, on_progress) for one in chosen])
        await self._suspensions.wake(backup_id)
        return restored

    async def _restore(
        self, path: Path, one: ArchivedTarget, images: Sequence[str], on_progress: OnProgress
    ) -> Restored:
        differences = await self._write(path, one, images, on_progress)
        if differences:
            # An engine that is being stopped takes an archive for a target that it has unmounted already.
            await asyncio.sleep(_SECOND_TRY_SECONDS)
            differences = await self._write(path, one, images, on_progress)
        if differences:
            told = "; ".join(differences.told())
            raise BackupError(f"{one.target} was restored, but is not as it was archived: {told}")
        log.info("Data restored", action="backup.restored", target=str(one.target), entries=one.entries)
        return Restored(one.target, one.entries, one.size_bytes)

    async def _write(
        self, path: Path, one: ArchivedTarget, images: Sequence[str], on_progress: OnProgress
    ) -> Differences:
        """What is not as archived when it is read again."""
        place = Place(one.target, one.label, one.root)
        if not await self._replace(path, one, place, images[0], on_progress):
            await self._rewrite(path, one, place, images, on_progress)
        return await self._differences(path, one, images[0])

    async def _replace(
        self, path: Path, one: ArchivedTarget, place: Place, image_id: str, on_progress: OnProgress
    ) -> bool:
        """False: this way is closed; what was there may be gone all the same."""
        async with self._access.beside(place, image_id) as opened:
            if opened is None:
                return False
            try:
                await self._access.write(opened, _tar(path, one, on_progress, replacing=True))
            except DockerError as error:
                # A file system of its own is mounted there: emptied, but its directory cannot go.
                log.info("BackupTarget cannot be replaced", action="backup.in_place", cause=error.message)
                return False
            return True

    async def _rewrite(
        self, path: Path, one: ArchivedTarget, place: Place, images: Sequence[str], on_progress: OnProgress
    ) -> None:
        if (await self._differences(path, one, images[0])).extra:
            await self._empty(place, images)
        async with self._access.inside(place, images[0]) as opened:
            await self._access.write(opened, _tar(path, one, on_progress, replacing=False))

    async def _empty(self, place: Place, images: Sequence[str]) -> None:
        for image_id in images:
            with suppress(DockerError):  # no shell in it
                await self._access.empty(place, image_id)
                return
        raise BackupError(
            f"{place.target} has files that the backup has not, and no image here has a shell to remove them;"
            " pull one that has, such as busybox, and restore again"
        )

    async def _verified(self, path: Path, one: ArchivedTarget, images: Sequence[str]) -> VerifiedTarget:
        deviations = (await self._differences(path, one, images[0])).told() if images else None
        return VerifiedTarget(one.target, one.entries, one.size_bytes, deviations)

    async def _differences(self, path: Path, one: ArchivedTarget, image_id: str) -> Differences:
        found = await self._found(Place(one.target, one.label, one.root), image_id)
        return await asyncio.to_thread(_compare, path, one, found)

    async def _found(self, place: Place, image_id: str) -> dict[str, Entry]:
        scanner = TarScanner()
        found: dict[str, Entry] = {}
        async with aclosing(self._access.read(place, image_id)) as stream:
            async for chunk in stream:
                found |= {entry.path: entry for entry in scanner.feed(chunk)}
        scanner.close()
        return found

    async def _images(self, manifest: Manifest) -> list[str]:
        """Images that the engine has, those of the backed up services first."""
        known = [image_id for service in manifest.head.services for image_id in service.image_ids]
        here = []
        for image_id in dict.fromkeys(known):
            with suppress(DockerNotFound):
                here.append((await self._host.images.inspect(image_id)).id)
        found = list(dict.fromkeys((*here, *(await self._host.engine.observe()).images)))
        if not found:
            raise BackupError("the engine has no image at all, and needs one to give access to data")
        return found


def _usable(backup: Backup) -> Path:
    if backup.status is not RecordStatus.SUCCESS:
        raise Conflict(f"backup {backup.id} is {backup.status.value}: {backup.error or 'it is being made'}")
    if backup.deleted_at is not None:
        raise Conflict(f"backup {backup.id} was deleted on {backup.deleted_at:%Y-%m-%d}")
    return Path(backup.artifact_path)


def _chosen(manifest: Manifest, wanted: Collection[BackupTarget] | None) -> list[ArchivedTarget]:
    held = {one.target: one for one in manifest.targets}
    for target in wanted or ():
        if target not in held:
            known = ", ".join(str(one) for one in held)
            raise InvalidArgument(f"the backup does not hold {target}; it holds: {known}")
    return [one for one in manifest.targets if wanted is None or one.target in wanted]


def _compare(path: Path, one: ArchivedTarget, found: Mapping[str, Entry]) -> Differences:
    archived = Entries(manifest_path(path)).of(one.target)
    return Differences.between(_below(one, archived), _below(one, found))


def _below(one: ArchivedTarget, tree: Mapping[str, Entry]) -> dict[str, Entry]:
    """By names that begin at the target; the folder around it is one of the helper container."""
    return {path.removeprefix(one.path) or "/": entry for path, entry in tree.items() if path != one.label}


async def _check(path: Path) -> None:
    steps = check_archive(path)
    while await asyncio.to_thread(next, steps, None) is not None:
        pass


async def _tar(
    path: Path, one: ArchivedTarget, on_progress: OnProgress, *, replacing: bool
) -> AsyncGenerator[bytes, None]:
    """`replacing`: begins with a file in the target's place, which removes all that is there."""
    if replacing:
        yield tarfile.TarInfo(one.path).tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")
    done, pieces = 0, tree_of(path, one)
    while (piece := await asyncio.to_thread(next, pieces, None)) is not None:
        yield piece
        done += len(piece)
        on_progress(DataProgress(f"restoring {one.target}", done, one.length))
    yield END
