"""One SQLite file in WAL mode: one writer at a time, and readers never wait for it."""

import asyncio
import os.path
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Self

import orjson
from sqlalchemy import URL, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from dockrev.db.migrate import migrate
from dockrev.errors import StorageError

_BUSY_TIMEOUT_MS = 5000
_READERS = 4
_AFTER_COMMIT = "dockrev.after_commit"


class Database:
    """Opens transactions. Code must not wait for the network inside one."""

    def __init__(
        self, path: Path, reader: AsyncEngine, writer: AsyncEngine, durable_writer: AsyncEngine
    ) -> None:
        self.path = path
        self._reader = reader
        self._writer = writer
        self._durable_writer = durable_writer
        self._write_lock = asyncio.Lock()

    @classmethod
    @asynccontextmanager
    async def open(cls, path: Path, *, busy_timeout_ms: int = _BUSY_TIMEOUT_MS) -> AsyncIterator[Self]:
        """Migrates the file to this release's schema first. Raises StorageError, also for a newer file.

        `busy_timeout_ms`: how long SQLite waits for the lock of another program.
        """
        with storage_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            await asyncio.to_thread(migrate, path)
        reader = _engine(path, "BEGIN", _READERS, busy_timeout_ms)
        writer = _engine(path, "BEGIN IMMEDIATE", 1, busy_timeout_ms)
        durable_writer = _engine(path, "BEGIN IMMEDIATE", 1, busy_timeout_ms, synchronous="FULL")
        try:
            yield cls(path, reader, writer, durable_writer)
        finally:
            for engine in (reader, writer, durable_writer):
                await engine.dispose()

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A read transaction, which sees one consistent state of the data."""
        with storage_errors(self.path):
            async with self._reader.connect() as connection:
                yield connection

    async def try_writing(self) -> None:
        """Commits a write that changes nothing. Taking the lock alone would not notice a full disk."""
        async with self.write() as connection:
            await connection.exec_driver_sql("PRAGMA user_version = 0")

    @asynccontextmanager
    async def write(self, *, durable: bool = False) -> AsyncIterator[AsyncConnection]:
        """Commits when the block ends, rolls everything back when it raises.

        A commit survives the end of the process. With `durable` it also survives an immediate power cut.
        """
        writer = self._durable_writer if durable else self._writer
        callbacks: list[Callable[[], None]] = []
        with storage_errors(self.path):
            async with self._write_lock, writer.begin() as connection:
                connection.info[_AFTER_COMMIT] = callbacks
                yield connection
        for callback in callbacks:
            callback()


def after_commit(connection: AsyncConnection, callback: Callable[[], None]) -> None:
    """Calls `callback` after the commit of the transaction, and never when it is rolled back.

    `connection` must be one of `Database.write`. The callback must not raise.
    """
    connection.info[_AFTER_COMMIT].append(callback)


def _engine(
    path: Path, begin: str, connections: int, busy_timeout_ms: int, synchronous: str = "NORMAL"
) -> AsyncEngine:
    engine = create_async_engine(
        URL.create("sqlite+aiosqlite", database=str(path)),
        pool_size=connections,
        max_overflow=0,
        json_serializer=lambda value: orjson.dumps(value).decode(),
        json_deserializer=orjson.loads,
    )
    event.listen(engine.sync_engine, "connect", partial(_prepare, busy_timeout_ms, synchronous))
    event.listen(engine.sync_engine, "begin", lambda connection: connection.exec_driver_sql(begin))
    return engine


def _prepare(busy_timeout_ms: int, synchronous: str, connection: Any, _record: object) -> None:
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in (
        f"busy_timeout={busy_timeout_ms}",
        "journal_mode=WAL",
        f"synchronous={synchronous}",
        "foreign_keys=ON",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


@contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Turns errors of SQLite and the file system into a StorageError with a remedy."""
    try:
        yield
    except (DBAPIError, sqlite3.Error) as error:
        cause = error.orig if isinstance(error, DBAPIError) else error
        if isinstance(cause, sqlite3.IntegrityError):
            raise
        raise StorageError(f"database {path}: {_explain(path, str(cause))}") from error
    except OSError as error:
        raise StorageError(f"database {path}: {_explain(path, error.strerror or str(error))}") from error


_EXPLANATIONS = {
    "locked": "another program holds its lock; stop that program, then try again",
    "readonly": "it is read-only; make the file and its directory writable for Dockrev's user",
    "disk is full": "the disk is full; free some space, nothing was lost",
    "unable to open": "it cannot be opened; check that the directory exists and is writable",
    "disk i/o error": "the disk reports an I/O error; check it and the free space",
    "malformed": "the file is damaged; restore it from a backup",
    "file exists": "what should be its directory is a file; choose another DOCKREV_DB_PATH",
    "not a directory": "what should be its directory is a file; choose another DOCKREV_DB_PATH",
    "not a database": "the file is not an SQLite database; choose another DOCKREV_DB_PATH",
}


def _explain(path: Path, text: str) -> str:
    if os.path.isdir(path):  # noqa: PTH112 -- Path.is_dir raises for some bad names
        return "it is a directory; choose another DOCKREV_DB_PATH"
    lowered = text.lower()
    return next((advice for pattern, advice in _EXPLANATIONS.items() if pattern in lowered), text)
