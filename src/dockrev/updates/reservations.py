"""Services in one pair of hands: those of an update, or of a restore that somebody runs by hand.

An update's hands are its job, which ends after any crash. A restore's are a process, whose lock tells whether
it is still there.
"""

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager

from sqlalchemy import CheckConstraint, Column, ForeignKey, String, Table, delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from dockrev.db.database import Database
from dockrev.db.lock import only_restore
from dockrev.db.lock_owner import restore_under_way
from dockrev.db.schema import metadata
from dockrev.errors import Conflict
from dockrev.jobs.tables import jobs
from dockrev.uncancellable import uncancellable

reservations = Table(
    "reservations",
    metadata,
    Column("service_id", String, ForeignKey("services.id", ondelete="CASCADE"), primary_key=True),
    Column("job_id", String, ForeignKey("jobs.id", ondelete="CASCADE"), index=True),
    Column("backup_id", String, ForeignKey("backups.id", ondelete="CASCADE")),
    CheckConstraint("(job_id IS NULL) != (backup_id IS NULL)", name="one_holder"),
)
"""`backup_id`: the backup that is being brought back."""


class Reservations:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def for_job(self, connection: AsyncConnection, job_id: str, service_ids: Collection[str]) -> None:
        """In the transaction that records the job. Raises Conflict naming who has one of them."""
        await _drop_finished(connection)
        if not restore_under_way(self._database.path):
            await _drop_restores(connection)
        await _require_free(connection, service_ids)
        await _insert(connection, service_ids, job_id=job_id)

    async def release(self, job_id: str) -> None:
        async with self._database.write() as connection:
            await connection.execute(delete(reservations).where(reservations.c.job_id == job_id))

    async def release_all_but(self, job_ids: Collection[str]) -> None:
        """At start: reservations of jobs that have ended can only be remains."""
        async with self._database.write() as connection:
            await connection.execute(
                delete(reservations).where(
                    reservations.c.job_id.is_not(None), reservations.c.job_id.not_in(list(job_ids))
                )
            )

    @asynccontextmanager
    async def for_restore(self, backup_id: str, service_ids: Collection[str]) -> AsyncIterator[None]:
        """No update begins with one of them while the block runs. Raises Conflict as `for_job` does."""
        with only_restore(self._database.path):
            async with self._database.write() as connection:
                await _drop_finished(connection)
                await _drop_restores(connection)
                await _require_free(connection, service_ids)
                await _insert(connection, service_ids, backup_id=backup_id)
            try:
                yield
            finally:
                await uncancellable(self._end_restore())

    async def require_free(self, service_ids: Collection[str]) -> None:
        """Raises Conflict when an update has one of them now: for those who still have to ask somebody."""
        async with self._database.write() as connection:
            await _drop_finished(connection)
            await _require_free(connection, service_ids)

    async def _end_restore(self) -> None:
        """There is one at a time."""
        async with self._database.write() as connection:
            await _drop_restores(connection)


async def _drop_finished(connection: AsyncConnection) -> None:
    """A job that has ended without releasing its services has no claim any more."""
    over = select(jobs.c.id).where(jobs.c.finished_at.is_not(None))
    await connection.execute(delete(reservations).where(reservations.c.job_id.in_(over)))


async def _drop_restores(connection: AsyncConnection) -> None:
    await connection.execute(delete(reservations).where(reservations.c.backup_id.is_not(None)))


async def _require_free(connection: AsyncConnection, service_ids: Collection[str]) -> None:
    taken = select(reservations).where(reservations.c.service_id.in_(list(service_ids))).limit(1)
    rival = (await connection.execute(taken)).one_or_none()
    if rival is None:
        return
    if rival.job_id is not None:
        raise Conflict(
            f"the update {rival.job_id} is at work on one of these services", {"existingJobId": rival.job_id}
        )
    raise Conflict(
        f"data of one of these services is being brought back from the backup {rival.backup_id};"
        " try again when that has ended",
        {"backupId": rival.backup_id},
    )


async def _insert(connection: AsyncConnection, service_ids: Collection[str], **holder: str) -> None:
    if service_ids:
        rows = [{"service_id": one, **holder} for one in service_ids]
        await connection.execute(insert(reservations), rows)
