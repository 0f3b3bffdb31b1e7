"""The hosts on record, which stacks and backups refer to: the only SQL for this table."""

from collections.abc import Iterable

from sqlalchemy import Column, String, Table, insert, select

from dockrev.db.database import Database
from dockrev.db.schema import metadata
from dockrev.hosts.host import Host

hosts = Table(
    "hosts",
    metadata,
    Column("id", String, primary_key=True),
    Column("name", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("address", String),
)
"""`kind`: `local`, whose engine this process reaches itself, or `agent`. `address`: of an agent."""


class HostStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def add_missing(self, wanted: Iterable[Host]) -> None:
        """Writes only when a host is new."""
        async with self._database.read() as connection:
            known = set(await connection.scalars(select(hosts.c.id)))
        rows = [{"id": host.id, "name": host.id, "kind": "local"} for host in wanted if host.id not in known]
        if rows:
            async with self._database.write() as connection:
                await connection.execute(insert(hosts), rows)
