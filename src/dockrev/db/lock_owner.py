"""Who holds a database's locks, found out without taking one and without opening the database."""

import fcntl
import os
import struct
import time
from collections.abc import Iterator
from pathlib import Path

_LOOKS = 10
_SECONDS_BETWEEN_LOOKS = 0.1
FLOCK = struct.Struct("@hhqqi")
"""Linux's `struct flock`: type, whence, start, length, process."""


def writer(path: Path) -> int | None:
    """The process that has held the write lock for a second, None when nobody has: writers come and go.

    0: a process that cannot be seen from here, as in another container.
    """
    found = _holder(path)
    for _ in range(_LOOKS):
        if found is None:
            return None
        time.sleep(_SECONDS_BETWEEN_LOOKS)
        found = _holder(path)
    return found


def restore_lock(path: Path) -> Path:
    return path.with_name(f"{path.name}.restore.lock")


def restore_under_way(path: Path) -> bool:
    """Does a process bring data back by hand? Raises OSError when that cannot be found out."""
    return _locked(restore_lock(path), 0, 0) is not None


def _holder(path: Path) -> int | None:
    return next(
        (
            found
            for file, start, length in _places(path)
            if (found := _locked(file, start, length)) is not None
        ),
        None,
    )


def _places(path: Path) -> Iterator[tuple[Path, int, int]]:
    """Where SQLite locks for writing (sqlite.org/fileformat2.html, "Locking-Page"; wal.html, "wal-index")."""
    yield path, 0x40000000, 512
    yield path.with_name(f"{path.name}-shm"), 120, 1


def _locked(file: Path, start: int, length: int) -> int | None:
    """Which process holds a write lock on those bytes. Raises OSError when the file cannot be read."""
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        asked = FLOCK.pack(fcntl.F_RDLCK, os.SEEK_SET, start, length, 0)
        kind, _, _, _, process = FLOCK.unpack(fcntl.fcntl(descriptor, fcntl.F_GETLK, asked))
    finally:
        os.close(descriptor)
    return None if kind == fcntl.F_UNLCK else max(process, 0)
