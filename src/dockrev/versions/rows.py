"""Reads rows one by one, so that a damaged row does not hide the others."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Generic, TypeVar

import orjson
import structlog
from sqlalchemy import JSON, ColumnElement, Row, Table, Text, select, type_coerce
from sqlalchemy.ext.asyncio import AsyncConnection

from dockrev.db.schema import Moment
from dockrev.errors import InvalidArgument

log = structlog.get_logger()

Parsed = TypeVar("Parsed")
RowKey = tuple[Any, ...]
"""The values of the primary key of a row, as they are stored."""

_DAMAGE = (ValueError, TypeError, OverflowError, InvalidArgument)


class RowReader(Generic[Parsed]):
    """Reads the rows of a table. A row that cannot be read is logged, and counts as unknown.

    The row stays in the table until the same information is learned and stored again.
    `parse` gets JSON and timestamps as text: if the database layer decoded them, one bad row would fail the
    whole query.
    """

    def __init__(self, table: Table, parse: Callable[[Row[Any]], Parsed]) -> None:
        self._table = table
        self._parse = parse
        self._columns = [_raw(column).label(column.name) for column in table.c]
        self._key_columns = [column.name for column in table.primary_key]
        self._unreadable: set[RowKey] = set()

    @property
    def unreadable(self) -> set[RowKey]:
        """The primary keys of the rows that the last read found damaged."""
        return set(self._unreadable)

    def overwritten(self, keys: Iterable[RowKey]) -> None:
        """The caller has overwritten these rows, so they are readable again."""
        self._unreadable.difference_update(keys)

    async def read(self, connection: AsyncConnection, *where: ColumnElement[bool]) -> list[Parsed]:
        parsed: list[Parsed] = []
        causes: dict[RowKey, str] = {}
        for row in await connection.execute(select(*self._columns).where(*where)):
            key = tuple(getattr(row, name) for name in self._key_columns)
            try:
                parsed.append(self._parse(row))
            except _DAMAGE as error:
                causes[key] = str(error)
            else:
                self._unreadable.discard(key)
        self._report({key: cause for key, cause in causes.items() if key not in self._unreadable})
        self._unreadable |= causes.keys()
        return parsed

    def _report(self, causes: Mapping[RowKey, str]) -> None:
        if not causes:
            return
        first, cause = next(iter(causes.items()))
        log.error(
            "Stored rows cannot be read and count as unknown",
            action="versions.rows_unreadable",
            table=self._table.name,
            rows=len(causes),
            first=dict(zip(self._key_columns, map(str, first), strict=True)),
            cause=cause,
        )


def _raw(column: ColumnElement[Any]) -> ColumnElement[Any]:
    return type_coerce(column, Text) if isinstance(column.type, JSON | Moment) else column


def strings(text: str) -> tuple[str, ...]:
    """A JSON list of strings. Raises ValueError for anything else."""
    values = orjson.loads(text)
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise ValueError(f"not a list of strings: {text[:80]!r}")
    return tuple(values)
