"""Finds the process that holds the write lock of a database, without a lock or opening the database."""

import fcntl
import os
import struct
import time
from collections.abc import Iterator
from pathlib import Path

_ATTEMPTS = 10
_SECONDS_BETWEEN_ATTEMPTS = 0.1
_FLOCK = struct.Struct("@hhqqi")
"""Linux's `struct flock`: type, whence, start, length, process."""


def writer(path: Path) -> int | None:
    """The id of a process that holds the write lock for a whole second; None when there is none.

    0 stands for a process that this one cannot see, such as one in another container.
    """
    process = _writer(path)
    for _ in range(_ATTEMPTS):
        if process is None:
            return None
        time.sleep(_SECONDS_BETWEEN_ATTEMPTS)
        process = _writer(path)
    return process


def _writer(path: Path) -> int | None:
    processes = (_locked(file, start, length) for file, start, length in _write_locks(path))
    return next((process for process in processes if process is not None), None)


def _write_locks(path: Path) -> Iterator[tuple[Path, int, int]]:
    """File, start and length of the bytes that SQLite locks to write.

    Source: sqlite.org/fileformat2.html, "Locking-Page", and wal.html, "wal-index".
    """
    yield path, 0x40000000, 512
    yield path.with_name(f"{path.name}-shm"), 120, 1


def _locked(file: Path, start: int, length: int) -> int | None:
    """The id of the process that has a write lock on those bytes. Raises OSError for an unreadable file."""
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        request = _FLOCK.pack(fcntl.F_RDLCK, os.SEEK_SET, start, length, 0)
        kind, _, _, _, process = _FLOCK.unpack(fcntl.fcntl(descriptor, fcntl.F_GETLK, request))
    finally:
        os.close(descriptor)
    return None if kind == fcntl.F_UNLCK else max(process, 0)
