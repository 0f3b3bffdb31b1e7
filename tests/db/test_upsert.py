"""Upserts insert rows, or overwrite rows with the same key."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from sqlalchemy import Column, Integer, MetaData, String, Table, select

from dockrev.db.database import Database
from dockrev.db.upsert import upsert

things = Table(
    "things",
    MetaData(),
    Column("kind", String, primary_key=True),
    Column("name", String, primary_key=True),
    Column("size", Integer),
    Column("note", String),
)


class Things:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def put(self, *rows: Mapping[str, object], **how: Any) -> None:
        async with self._database.write() as connection:
            await upsert(connection, things, rows, **how)

    async def all(self) -> Sequence[tuple[Any, ...]]:
        async with self._database.read() as connection:
            return [tuple(row) for row in await connection.execute(select(things).order_by(things.c.name))]


@pytest.fixture
async def table(database: Database) -> Things:
    async with database.write() as connection:
        await connection.run_sync(things.create)
    return Things(database)


def row(name: str, size: int | None, note: str | None) -> dict[str, object]:
    return {"kind": "k", "name": name, "size": size, "note": note}


async def test_new_rows_are_inserted_and_existing_rows_overwritten(table: Things) -> None:
    await table.put(row("a", 1, "x"), row("b", 2, "y"))
    await table.put(row("b", 3, None), row("c", 4, "z"))
    await table.put()
    assert await table.all() == [("k", "a", 1, "x"), ("k", "b", 3, None), ("k", "c", 4, "z")]


async def test_only_the_named_columns_are_overwritten(table: Things) -> None:
    await table.put(row("a", 1, "x"))
    await table.put(row("a", 2, "y"), update=("size",))
    assert await table.all() == [("k", "a", 2, "x")]


async def test_without_columns_to_overwrite_an_existing_row_stays(table: Things) -> None:
    await table.put(row("a", 1, "x"))
    await table.put(row("a", 2, "y"), row("b", 2, "y"), update=())
    assert await table.all() == [("k", "a", 1, "x"), ("k", "b", 2, "y")]


async def test_a_new_null_may_keep_the_old_value(table: Things) -> None:
    await table.put(row("a", 1, "x"))
    await table.put(row("a", None, None), keep_if_null=("note",))
    assert await table.all() == [("k", "a", None, "x")]
