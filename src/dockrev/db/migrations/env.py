"""Alembic's entry point: runs the migrations of one file in one transaction."""

from pathlib import Path

from alembic import context
from sqlalchemy import URL, create_engine, event
from sqlalchemy.engine import Connection
from sqlalchemy.pool import NullPool

path: Path = context.config.attributes["path"]
engine = create_engine(URL.create("sqlite", database=str(path)), poolclass=NullPool)


@event.listens_for(engine, "connect")
def _manual_transactions(connection: object, _record: object) -> None:
    connection.isolation_level = None  # type: ignore[attr-defined] # the driver must not commit by itself


@event.listens_for(engine, "begin")
def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


with engine.connect() as connection:
    context.configure(connection=connection, transactional_ddl=True, render_as_batch=True)
    with context.begin_transaction():
        context.run_migrations()
engine.dispose()
