"""Fills a small disk in memory. The tests need the right to mount it."""

import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from dockrev.db.database import Database
from dockrev.errors import StorageError
from tests.db.test_database import add, names


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounting = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", disk], check=False, capture_output=True, text=True
    )
    if mounting.returncode:
        pytest.skip(f"cannot mount a small disk: {mounting.stderr.strip()}")
    yield disk
    subprocess.run(["umount", disk], check=True)


@pytest.fixture
async def database(small_disk: Path) -> AsyncIterator[Database]:
    async with Database.open(small_disk / "x.db") as database:
        yield database


def fill(disk: Path) -> Path:
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        try:
            while file.write(b"\0" * 4096):
                pass
        except OSError:
            return ballast
    raise AssertionError("a write of nothing")


async def test_a_full_disk_fails_every_write_and_loses_nothing(database: Database, small_disk: Path) -> None:
    await add(database, "before")
    ballast = fill(small_disk)
    for attempt in (add(database, "meanwhile"), database.try_writing()):
        with pytest.raises(StorageError, match="the disk is full"):
            await attempt
    assert await names(database) == ["before"]
    ballast.unlink()
    await database.try_writing()
    await add(database, "later")
    assert await names(database) == ["before", "later"]


async def test_a_full_disk_rolls_the_whole_transaction_back(database: Database, small_disk: Path) -> None:
    async def add_much() -> None:
        async with database.write() as connection:
            for number in range(10_000):
                name = f"{number}" + "x" * 10_000
                await connection.execute(
                    text("INSERT INTO schedule_ticks VALUES (:name, '2026')"), {"name": name}
                )

    await add(database, "before")
    with pytest.raises(StorageError, match="the disk is full"):
        await add_much()
    assert await names(database) == ["before"]
    await add(database, "later")


async def test_no_database_is_created_on_a_full_disk(small_disk: Path) -> None:
    fill(small_disk)
    with pytest.raises(StorageError, match="the disk is full"):
        async with Database.open(small_disk / "new.db"):
            pass
