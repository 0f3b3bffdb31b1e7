"""Measures the data of a target, and checks that the disk has room for a copy."""

import shutil
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path

from dockrev.backups.access import DataAccess, MountedTarget
from dockrev.backups.tar_scanner import Entry, TarScanner
from dockrev.errors import BackupError

RESERVE_BYTES = 16 * 1024 * 1024
"""The space that stays free, because the database may be on the same disk."""


@dataclass(frozen=True, slots=True)
class TargetSize:
    """`size_bytes` is the size of the files. With `over_limit`, measuring stopped at that size.

    `archivable`: the target is a file or a directory.
    """

    size_bytes: int
    needed_bytes: int
    """What a copy needs at most. Chunks of zeros (sparse files) compress to nothing and do not count."""
    over_limit: bool
    archivable: bool


async def measure(access: DataAccess, mounted: MountedTarget, image_id: str, limit: int | None) -> TargetSize:
    """Reads all the data, because the Engine API has no faster way. Raises DockerError or BrokenTar."""
    scanner, needed, archivable = TarScanner(hashing=False), 0, False
    async with aclosing(access.read(mounted, image_id)) as stream:
        async for chunk in stream:
            for entry in scanner.feed(chunk):
                archivable = archivable or _is_archivable_root(mounted, entry)
            needed += len(chunk) if chunk.count(0) < len(chunk) else 0
            if limit is not None and scanner.content_bytes > limit:
                return TargetSize(scanner.content_bytes, needed, over_limit=True, archivable=True)
    scanner.close()
    return TargetSize(scanner.content_bytes, needed, over_limit=False, archivable=archivable)


def _is_archivable_root(mounted: MountedTarget, entry: Entry) -> bool:
    return entry.path == mounted.archive_path and entry.type in ("file", "directory")


def require_room(directory: Path, needed_bytes: int) -> None:
    """Raises BackupError when there is too little free space, OSError when the free space is unknown."""
    free = shutil.disk_usage(directory).free
    if free < needed_bytes + RESERVE_BYTES:
        raise BackupError(
            f"there is not enough free space in {directory}: the backup may need {mebibytes(needed_bytes)}"
            f" and has to leave {mebibytes(RESERVE_BYTES)} free, but only {mebibytes(free)} are free"
        )


def mebibytes(size: int) -> str:
    return f"{size / 1024 / 1024:.0f} MiB"
