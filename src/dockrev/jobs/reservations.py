"""Which job works on which services. A service has at most one such job at a time."""

from collections.abc import Collection

from sqlalchemy import Column, ForeignKey, String, Table, delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from dockrev.db.database import Database
from dockrev.db.schema import metadata
from dockrev.errors import Conflict
from dockrev.jobs.models import Job
from dockrev.jobs.tables import jobs

reservations = Table(
    "reservations",
    metadata,
    Column("service_id", String, ForeignKey("services.id", ondelete="CASCADE"), primary_key=True),
    Column("job_id", String, ForeignKey("jobs.id", ondelete="CASCADE"), nullable=False, index=True),
)


class Reservations:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def reserve(self, connection: AsyncConnection, job_id: str, service_ids: Collection[str]) -> None:
        """In the transaction that records the job. Raises Conflict naming a job that has one of them."""
        await _require_free(connection, service_ids)
        if service_ids:
            rows = [{"service_id": service_id, "job_id": job_id} for service_id in service_ids]
            await connection.execute(insert(reservations), rows)

    async def require_free(self, service_ids: Collection[str]) -> None:
        """Raises Conflict as `reserve` does, before an operator is asked to confirm."""
        async with self._database.read() as connection:
            await _require_free(connection, service_ids)

    async def job_finished(self, connection: AsyncConnection, job: Job) -> None:
        """A hook of the transaction that ends a job."""
        await connection.execute(delete(reservations).where(reservations.c.job_id == job.id))

    async def delete_ended(self) -> None:
        """Deletes the reservations of ended jobs, which an earlier release left. Call it before jobs run."""
        ended = select(jobs.c.id).where(jobs.c.finished_at.is_not(None))
        async with self._database.write() as connection:
            await connection.execute(delete(reservations).where(reservations.c.job_id.in_(ended)))


async def _require_free(connection: AsyncConnection, service_ids: Collection[str]) -> None:
    holder = (
        select(jobs.c.id, jobs.c.type)
        .join(reservations, reservations.c.job_id == jobs.c.id)
        .where(reservations.c.service_id.in_(list(service_ids)))
        .limit(1)
    )
    job = (await connection.execute(holder)).one_or_none()
    if job is not None:
        raise Conflict(
            f"the {job.type} {job.id} is at work on one of these services", {"existingJobId": job.id}
        )
