"""Snapshots as rows, which are read back one by one."""

import json
from typing import Any, Final

import structlog
from sqlalchemy import ColumnElement, Row, Table, Text, select, type_coerce
from sqlalchemy.ext.asyncio import AsyncConnection

from dockrev.clock import parse_timestamp
from dockrev.errors import InvalidArgument
from dockrev.oci.digest import Digest
from dockrev.oci.platform import Platform
from dockrev.versions.models import DigestKey, Scan, Snapshot

log = structlog.get_logger()

_RAW: Final = {"tags", "former", "checked_at"}
"""Taken as text: decoded by the database layer, one damaged row would fail the whole query."""


class SnapshotReader:
    """Snapshots are a cache: one that cannot be read counts as unknown until a new look replaces it."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._unreadable: set[tuple[str, str, str]] = set()

    async def read(self, connection: AsyncConnection, *where: ColumnElement[bool]) -> list[Snapshot]:
        columns = [
            type_coerce(one, Text).label(one.name) if one.name in _RAW else one for one in self._table.c
        ]
        found = await connection.execute(select(*columns).where(*where))
        return [snapshot for row in found if (snapshot := self._snapshot(row))]

    def _snapshot(self, row: Row[Any]) -> Snapshot | None:
        place = (row.repository, row.digest, row.platform)
        try:
            snapshot = _snapshot(row)
        except (ValueError, TypeError, InvalidArgument) as error:
            self._tell(place, error)
            return None
        self._unreadable.discard(place)
        return snapshot

    def _tell(self, place: tuple[str, str, str], error: Exception) -> None:
        """Once, not at every look at the stacks."""
        if place in self._unreadable:
            return
        self._unreadable.add(place)
        repository, digest, platform = place
        log.error(
            "A stored snapshot cannot be read and is left out",
            action="versions.row_unreadable",
            table=self._table.name,
            repository=repository,
            digest=digest,
            platform=platform,
            cause=str(error),
        )


def snapshot_row(snapshot: Snapshot) -> dict[str, object]:
    return {
        "repository": snapshot.key.repository,
        "digest": snapshot.key.digest,
        "platform": str(snapshot.key.platform),
        "tags": list(snapshot.tags),
        "former": list(snapshot.former),
        "checked_at": snapshot.checked_at,
        "total": snapshot.scan.total,
        "considered": snapshot.scan.considered,
        "ok": snapshot.scan.ok,
        "timeout": snapshot.scan.timeout,
        "error": snapshot.scan.error,
    }


def _snapshot(row: Row[Any]) -> Snapshot:
    return Snapshot(
        key=DigestKey(row.repository, Digest(row.digest), Platform.parse(row.platform)),
        tags=_names(row.tags),
        checked_at=parse_timestamp(row.checked_at),
        scan=Scan(*map(int, (row.total, row.considered, row.ok, row.timeout, row.error))),
        former=_names(row.former),
    )


def _names(text: str) -> tuple[str, ...]:
    names = json.loads(text)
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError(f"not a list of tags: {text[:80]!r}")
    return tuple(names)
