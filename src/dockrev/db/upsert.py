"""INSERT ... ON CONFLICT for every dialect. SQLAlchemy has it only in the module of each dialect."""

from collections.abc import Collection, Mapping, Sequence
from importlib import import_module

from sqlalchemy import Table, func
from sqlalchemy.ext.asyncio import AsyncConnection


async def upsert(
    connection: AsyncConnection,
    table: Table,
    rows: Sequence[Mapping[str, object]],
    *,
    update: Collection[str] | None = None,
    keep_if_null: Collection[str] = (),
) -> None:
    """Insert the rows. Where a row with the same primary key exists, overwrite its columns `update`.

    `update`: by default all columns of `rows` except the key. An empty collection keeps existing rows as they
    are. `keep_if_null`: columns in which a new NULL keeps the old value.
    """
    if not rows:
        return
    keys = [column.name for column in table.primary_key]
    names = [name for name in rows[0] if name not in keys] if update is None else update
    insert = import_module(f"sqlalchemy.dialects.{connection.dialect.name}").insert(table)
    newest = {
        name: func.coalesce(insert.excluded[name], table.c[name])
        if name in keep_if_null
        else insert.excluded[name]
        for name in names
    }
    statement = (
        insert.on_conflict_do_update(index_elements=keys, set_=newest)
        if newest
        else insert.on_conflict_do_nothing(index_elements=keys)
    )
    if len(rows) == 1:  # `values` allows SQL expressions
        await connection.execute(statement.values(dict(rows[0])))
    else:
        await connection.execute(statement, [dict(row) for row in rows])
