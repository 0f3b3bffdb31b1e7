"""How big the data is, and whether there is room for a copy of it."""

import shutil
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path

from dockrev.backups.access import DataAccess, Place
from dockrev.backups.tar_scanner import Entry, TarScanner
from dockrev.errors import BackupError

_RESERVE_BYTES = 16 * 1024 * 1024
"""Left free, for the database if it is on the same disk."""


@dataclass(frozen=True, slots=True)
class Measured:
    """`size_bytes` is that of the files; `over_limit`: counting stopped there.

    `archivable`: it is a file or a directory.
    """

    size_bytes: int
    needed_bytes: int
    """At most, for a copy: pieces that are all zeros, as sparse files have them, pack to nothing."""
    over_limit: bool
    archivable: bool


async def measure(access: DataAccess, place: Place, image_id: str, limit: int | None) -> Measured:
    """Reads it all, since an engine knows no shorter way. Raises DockerError, BrokenTar."""
    scanner, needed, archivable = TarScanner(hashing=False), 0, False
    async with aclosing(access.read(place, image_id)) as stream:
        async for chunk in stream:
            for entry in scanner.feed(chunk):
                archivable = archivable or _is_root(place, entry)
            needed += len(chunk) if chunk.count(0) < len(chunk) else 0
            if limit is not None and scanner.content_bytes > limit:
                return Measured(scanner.content_bytes, needed, over_limit=True, archivable=True)
    scanner.close()
    return Measured(scanner.content_bytes, needed, over_limit=False, archivable=archivable)


def _is_root(place: Place, entry: Entry) -> bool:
    return entry.path == place.path and entry.type in ("file", "directory")


def require_room(directory: Path, needed_bytes: int) -> None:
    """Raises BackupError; OSError when the directory cannot be asked."""
    free = shutil.disk_usage(directory).free
    if free < needed_bytes + _RESERVE_BYTES:
        raise BackupError(
            f"there is not enough room in {directory}: a backup may need {_mebibytes(needed_bytes)},"
            f" and {_mebibytes(_RESERVE_BYTES)} are to be left, but {_mebibytes(free)} are free"
        )


def _mebibytes(size: int) -> str:
    return f"{size / 1024 / 1024:.0f} MiB"
