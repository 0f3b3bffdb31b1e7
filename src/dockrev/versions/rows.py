"""Rows that can be learned anew, read back one by one: a damaged one costs nobody the others."""

from collections.abc import Callable
from typing import Any, Generic, TypeVar

import orjson
import structlog
from sqlalchemy import JSON, ColumnElement, Row, Table, Text, delete, select, type_coerce
from sqlalchemy.ext.asyncio import AsyncConnection

from dockrev.db.schema import Moment
from dockrev.errors import InvalidArgument

log = structlog.get_logger()

Parsed = TypeVar("Parsed")
Place = tuple[Any, ...]
"""The values of a row's primary key, as they are stored."""

_DAMAGE = (ValueError, TypeError, OverflowError, InvalidArgument)


class RowReader(Generic[Parsed]):
    """A row that cannot be read counts as unknown until what it said is learned again.

    `parse` gets JSON and moments as text: decoded by the database layer, one row would fail the whole query.
    """

    def __init__(self, table: Table, parse: Callable[[Row[Any]], Parsed]) -> None:
        self._table = table
        self._parse = parse
        self._columns = [_raw(one).label(one.name) for one in table.c]
        self._keys = [one.name for one in table.primary_key]
        self._unreadable: set[Place] = set()

    @property
    def unreadable(self) -> set[Place]:
        """The rows that could not be read when they were last looked at."""
        return set(self._unreadable)

    async def read(self, connection: AsyncConnection, *where: ColumnElement[bool]) -> list[Parsed]:
        good, _ = await self._sift(connection, *where)
        return good

    async def mend(self, connection: AsyncConnection, **key: str) -> list[Parsed]:
        """All rows in which these columns of the key have these values; deletes what cannot be read."""
        good, damaged = await self._sift(connection, *(self._table.c[name] == key[name] for name in key))
        for place in damaged:
            await connection.execute(delete(self._table).where(*self._at(place)))
        wanted = [(self._keys.index(name), value) for name, value in key.items()]
        self._unreadable = {
            place for place in self._unreadable if any(place[index] != value for index, value in wanted)
        }
        return good

    async def _sift(
        self, connection: AsyncConnection, *where: ColumnElement[bool]
    ) -> tuple[list[Parsed], list[Place]]:
        good: list[Parsed] = []
        damaged: list[Place] = []
        for row in await connection.execute(select(*self._columns).where(*where)):
            place = tuple(getattr(row, name) for name in self._keys)
            try:
                good.append(self._parse(row))
            except _DAMAGE as error:
                damaged.append(place)
                self._tell(place, error)
            else:
                self._unreadable.discard(place)
        return good, damaged

    def _at(self, place: Place) -> list[ColumnElement[bool]]:
        return [_raw(self._table.c[name]) == value for name, value in zip(self._keys, place, strict=True)]

    def _tell(self, place: Place, error: Exception) -> None:
        """Once, not at every look at the stacks."""
        if place in self._unreadable:
            return
        self._unreadable.add(place)
        log.error(
            "A stored row cannot be read and counts as unknown",
            action="versions.row_unreadable",
            table=self._table.name,
            cause=str(error),
            **dict(zip(self._keys, map(str, place), strict=True)),
        )


def _raw(column: ColumnElement[Any]) -> ColumnElement[Any]:
    return type_coerce(column, Text) if isinstance(column.type, JSON | Moment) else column


def strings(text: str) -> tuple[str, ...]:
    """A JSON list of strings. Raises ValueError for anything else."""
    found = orjson.loads(text)
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise ValueError(f"not a list of strings: {text[:80]!r}")
    return tuple(found)
