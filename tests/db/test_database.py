"""Transactions, and the error messages for an unusable file."""

import asyncio
import os
import signal
import sqlite3
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from dockrev.db.database import Database, after_commit
from dockrev.db.lock import only_server
from dockrev.errors import StorageError

ADD = text("INSERT INTO schedule_ticks VALUES (:name, '2026')")
NAMES = text("SELECT schedule FROM schedule_ticks ORDER BY 1")


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    async with Database.open(tmp_path / "x.db", busy_timeout_ms=50) as database:
        yield database


async def add(database: Database, name: str) -> None:
    async with database.write() as connection:
        await connection.execute(ADD, {"name": name})


async def names(database: Database) -> list[str]:
    async with database.read() as connection:
        return list(await connection.scalars(NAMES))


def files_in(directory: Path) -> list[str]:
    return [path.name for path in directory.iterdir()]


@contextmanager
def lock_held_elsewhere(path: Path) -> Iterator[None]:
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


async def test_written_rows_survive_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "new" / "directory" / "x.db"
    async with Database.open(path) as database:
        await add(database, "a")
    async with Database.open(path) as database:
        assert await names(database) == ["a"]


@pytest.mark.parametrize("name", ["with space.db", "100%.db", "a%20b.db", "who?.db", "#1.db", "ümlaut.db"])
async def test_the_file_has_exactly_the_name_it_was_given(tmp_path: Path, name: str) -> None:
    for _ in range(2):
        async with Database.open(tmp_path / name) as database:
            await names(database)
    assert files_in(tmp_path) == [name]


async def test_a_write_that_raises_is_rolled_back(database: Database) -> None:
    async def add_and_fail() -> None:
        async with database.write() as connection:
            await connection.execute(ADD, {"name": "a"})
            raise LookupError

    with pytest.raises(LookupError):
        await add_and_fail()
    assert await names(database) == []
    await add(database, "b")
    assert await names(database) == ["b"]


async def test_a_callback_runs_after_the_commit_and_not_after_a_rollback(database: Database) -> None:
    seen: list[str] = []

    async def write_and_fail() -> None:
        async with database.write() as connection:
            after_commit(connection, lambda: seen.append("rolled back"))
            raise LookupError

    with pytest.raises(LookupError):
        await write_and_fail()
    async with database.write() as connection:
        after_commit(connection, lambda: seen.append("committed"))
        assert not seen
    await add(database, "a")
    assert seen == ["committed"]


async def test_a_reader_sees_one_state_while_others_write(database: Database) -> None:
    await add(database, "a")
    async with database.read() as connection:
        before = list(await connection.scalars(NAMES))
        await add(database, "b")
        assert list(await connection.scalars(NAMES)) == before
    assert await names(database) == ["a", "b"]


async def test_writers_take_turns(database: Database) -> None:
    async with asyncio.TaskGroup() as group:
        for number in range(20):
            group.create_task(add(database, f"{number:02}"))
    assert len(await names(database)) == 20


@pytest.mark.parametrize("steps", range(0, 24, 2))
async def test_a_write_cancelled_at_any_step_happens_whole_or_not_at_all(
    database: Database, steps: int
) -> None:
    async def add_two() -> None:
        async with database.write() as connection:
            await connection.execute(ADD, {"name": "a"})
            await connection.execute(ADD, {"name": "b"})

    task = asyncio.create_task(add_two())
    for _ in range(steps):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert await names(database) in ([], ["a", "b"])
    await add(database, "c")
    assert "c" in await names(database)


async def test_a_violated_constraint_is_no_storage_error(database: Database) -> None:
    await add(database, "a")
    with pytest.raises(IntegrityError):
        await add(database, "a")


async def test_a_foreign_key_is_enforced(database: Database) -> None:
    with pytest.raises(IntegrityError):
        async with database.write() as connection:
            await connection.execute(
                text("INSERT INTO job_logs (job_id, at, level, message, is_progress) VALUES ('x','','','',0)")
            )


async def test_a_lock_of_another_program_is_reported(database: Database) -> None:
    with (
        lock_held_elsewhere(database.path),
        pytest.raises(StorageError, match="another program holds its lock"),
    ):
        await add(database, "a")
    await add(database, "b")
    assert await names(database) == ["b"]


async def test_readers_do_not_wait_for_a_lock_of_another_program(database: Database) -> None:
    await add(database, "a")
    with lock_held_elsewhere(database.path):
        assert await names(database) == ["a"]


async def test_a_full_disk_is_reported_and_loses_nothing(database: Database) -> None:
    await add(database, "a")
    async with database.write() as connection:
        await connection.execute(text("PRAGMA max_page_count = 1"))
    with pytest.raises(StorageError, match="the disk is full"):
        await add(database, "x" * 100_000)
    async with database.write() as connection:
        await connection.execute(text("PRAGMA max_page_count = 100000"))
    await add(database, "b")
    assert await names(database) == ["a", "b"]


async def test_a_file_of_garbage_is_refused_and_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    path.write_bytes(b"certainly not a database, and longer than a header of a hundred bytes " * 9)
    before = path.read_bytes()
    with pytest.raises(StorageError, match="not an SQLite database; choose another DOCKREV_DB_PATH"):
        async with Database.open(path):
            pass
    assert path.read_bytes() == before


async def test_a_damaged_file_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    async with Database.open(path) as database:
        await add(database, "a")
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    path.write_bytes(content)
    with pytest.raises(StorageError, match="damaged"):
        async with Database.open(path) as database:
            await names(database)


async def test_a_directory_that_cannot_be_made_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="its directory is a file"):
        async with Database.open(tmp_path / "file" / "x.db"):
            pass


async def test_a_directory_in_place_of_the_file_is_a_storage_error(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=f"{tmp_path}: it is a directory; choose another DOCKREV_DB_PATH"):
        async with Database.open(tmp_path):
            pass


async def test_a_second_server_is_refused_until_the_first_is_gone(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    with (
        only_server(path),
        pytest.raises(StorageError, match="another Dockrev server uses it"),
        only_server(path),
    ):
        pass
    with only_server(path):
        pass


def test_a_file_in_place_of_the_lock_directory_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError), only_server(tmp_path / "file" / "x.db"):
        pass


WRITER = """
import asyncio, sys
from pathlib import Path
from sqlalchemy import text
from dockrev.db.database import Database
from dockrev.db.lock import only_server

async def main():
    with only_server(Path(sys.argv[1])):
        async with Database.open(Path(sys.argv[1])) as database:
            for number in range(1_000_000):
                async with database.write() as connection:
                    for half in "ab":
                        name = f"{number}{half}"
                        await connection.execute(
                            text("INSERT INTO schedule_ticks VALUES (:name, '2026')"), {"name": name}
                        )
                if number % 20 == 0:
                    print(number, flush=True)

asyncio.run(main())
"""


async def test_a_killed_writer_leaves_a_usable_file_of_whole_transactions(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", WRITER, str(path), stdout=asyncio.subprocess.PIPE
    )
    assert child.stdout
    for _ in range(3):
        await child.stdout.readline()
    os.kill(child.pid, signal.SIGKILL)
    await child.communicate()
    with only_server(path):
        async with Database.open(path) as database:
            stored = await names(database)
            assert len(stored) >= 40
            assert {name[:-1] for name in stored if name.endswith("a")} == {
                name[:-1] for name in stored if name.endswith("b")
            }
            await add(database, "after")
