"""How much data a target has, and whether the disk has room for a copy of it."""

import shutil
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path

from dockrev.backups.access import DataAccess, MountedTarget
from dockrev.backups.tar_scanner import Entry, TarScanner
from dockrev.errors import BackupError

RESERVE_BYTES = 16 * 1024 * 1024
"""Left free, for the database if it is on the same disk."""


@dataclass(frozen=True, slots=True)
class TargetSize:
    """`size_bytes` is the size of the files; with `over_limit` measuring stopped there.

    `archivable`: the target is a file or a directory.
    """

    size_bytes: int
    needed_bytes: int
    """What a copy needs at most. Chunks of zeros, as sparse files have them, compress to nothing."""
    over_limit: bool
    archivable: bool


async def measure(access: DataAccess, mounted: MountedTarget, image_id: str, limit: int | None) -> TargetSize:
    """Reads all the data: engines have no shorter way. Raises DockerError, BrokenTar."""
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
    """Raises BackupError when there is too little free space; OSError when it cannot be found out."""
    free = shutil.disk_usage(directory).free
    if free < needed_bytes + RESERVE_BYTES:
        raise BackupError(
            f"there is not enough room in {directory}: a backup may need {mebibytes(needed_bytes)},"
            f" and {mebibytes(RESERVE_BYTES)} are to be left, but {mebibytes(free)} are free"
        )


def mebibytes(size: int) -> str:
    return f"{size / 1024 / 1024:.0f} MiB"
