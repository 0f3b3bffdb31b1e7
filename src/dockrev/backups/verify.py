"""Verifies a backup: compares its archive with its manifest, and with the current data."""

import asyncio
from collections.abc import Mapping
from contextlib import aclosing, suppress
from pathlib import Path

from dockrev.backups.access import DataAccess, MountedTarget
from dockrev.backups.archive import check_archive, manifest_path, read_backup
from dockrev.backups.manifest import ArchivedTarget, Differences, Entries, Manifest
from dockrev.backups.models import Backup, RecordStatus, VerifiedTarget
from dockrev.backups.store import BackupStore
from dockrev.backups.tar_scanner import Entry, TarScanner
from dockrev.errors import BackupError, Conflict, DockerNotFound
from dockrev.hosts.host import Host


class BackupVerification:
    def __init__(self, host: Host, store: BackupStore) -> None:
        self._host = host
        self._access = DataAccess(host)
        self._store = store

    async def verify(self, backup_id: str, *, live: bool = False) -> tuple[VerifiedTarget, ...]:
        """Verifies the archive. `live` also compares it with the current data.

        Raises BackupError when the archive is damaged.
        """
        path = usable_archive(await self._store.get(backup_id))
        manifest = await read_checked(path)
        image_id = (await self.helper_images(manifest))[0] if live else None
        return tuple([await self._verified(path, target, image_id) for target in manifest.targets])

    async def differences(self, path: Path, archived: ArchivedTarget, image_id: str) -> Differences:
        """How the current data of the target differs from the archive."""
        current = await self._current(MountedTarget.of_archived(archived), image_id)
        return await asyncio.to_thread(_compare, path, archived, current)

    async def helper_images(self, manifest: Manifest) -> list[str]:
        """The ids of images on the engine. Images of the services in the backup come first."""
        in_backup = [image_id for service in manifest.head.services for image_id in service.image_ids]
        present = []
        for image_id in dict.fromkeys(in_backup):
            with suppress(DockerNotFound):
                present.append((await self._host.images.inspect(image_id)).id)
        images = list(dict.fromkeys((*present, *(await self._host.engine.observe()).images)))
        if not images:
            raise BackupError(
                "the engine has no image, and reading the data needs a helper container of some image"
            )
        return images

    async def _verified(self, path: Path, archived: ArchivedTarget, image_id: str | None) -> VerifiedTarget:
        differences = None
        if image_id is not None:
            differences = (await self.differences(path, archived, image_id)).lines()
        return VerifiedTarget(archived.target, archived.entries, archived.size_bytes, differences)

    async def _current(self, mounted: MountedTarget, image_id: str) -> dict[str, Entry]:
        scanner = TarScanner()
        entries: dict[str, Entry] = {}
        async with aclosing(self._access.read(mounted, image_id)) as stream:
            async for chunk in stream:
                entries |= {entry.path: entry for entry in scanner.feed(chunk)}
        scanner.close()
        return entries


def usable_archive(backup: Backup) -> Path:
    """The path of the archive. Raises Conflict when the backup is unfinished, failed or deleted."""
    if backup.status is not RecordStatus.SUCCESS:
        raise Conflict(f"backup {backup.id} is {backup.status.value}: {backup.error or 'it is not complete'}")
    if backup.deleted_at is not None:
        raise Conflict(f"backup {backup.id} was deleted on {backup.deleted_at:%Y-%m-%d}")
    return Path(backup.artifact_path)


async def read_checked(path: Path) -> Manifest:
    """Verifies the whole archive and returns its manifest. Raises BackupError when it is damaged."""
    manifest = await asyncio.to_thread(read_backup, path)
    steps = check_archive(path)
    while await asyncio.to_thread(next, steps, None) is not None:
        pass
    return manifest


def _compare(path: Path, archived: ArchivedTarget, current: Mapping[str, Entry]) -> Differences:
    entries = Entries(manifest_path(path)).of(archived.target)
    return Differences.between(_relative(archived, entries), _relative(archived, current))


def _relative(archived: ArchivedTarget, tree: Mapping[str, Entry]) -> dict[str, Entry]:
    """The entries by names relative to the target, without the folder that the helper container adds."""
    return {
        path.removeprefix(archived.path) or "/": entry
        for path, entry in tree.items()
        if path != archived.label
    }
