"""The table of hosts, which stacks and backups refer to: the only SQL for this table."""

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
"""`kind`: `local` (this process reaches the engine directly) or `agent`. `address`: the agent's."""


async def add_missing_hosts(database: Database, configured: Iterable[Host]) -> None:
    """Adds the hosts that have no row yet. It writes only when there are any."""
    async with database.read() as connection:
        stored_ids = set(await connection.scalars(select(hosts.c.id)))
    new_hosts = [host for host in configured if host.id not in stored_ids]
    rows = [{"id": host.id, "name": host.id, "kind": "local"} for host in new_hosts]
    if rows:
        async with database.write() as connection:
            await connection.execute(insert(hosts), rows)
