"""Plans, reservations and the journal of each service: the only SQL for these tables."""

from collections.abc import Mapping
from typing import Any

import orjson
from pydantic import TypeAdapter
from sqlalchemy import JSON, Column, ForeignKey, String, Table, insert, select
from sqlalchemy.dialects.sqlite import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from dockrev.clock import Clock
from dockrev.db.database import Database
from dockrev.db.schema import Moment, metadata
from dockrev.errors import Json, NotFound
from dockrev.updates.models import UpdatePlan

update_plans = Table(
    "update_plans",
    metadata,
    Column("job_id", ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    Column("plan", JSON, nullable=False),
)

update_journal = Table(
    "update_journal",
    metadata,
    Column("job_id", ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    Column("subject", String, primary_key=True),
    Column("step", String, primary_key=True),
    Column("facts", JSON, nullable=False),
    Column("at", Moment, nullable=False),
)

_PLAN = TypeAdapter(UpdatePlan)


class UpdateStore:
    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def admit(self, connection: AsyncConnection, job_id: str, plan: UpdatePlan) -> None:
        """In the transaction that records the job."""
        document = orjson.loads(_PLAN.dump_json(plan))
        await connection.execute(insert(update_plans).values(job_id=job_id, plan=document))

    async def plan(self, job_id: str) -> UpdatePlan:
        async with self._database.read() as connection:
            found = await connection.scalar(
                select(update_plans.c.plan).where(update_plans.c.job_id == job_id)
            )
        if found is None:
            raise NotFound("the job has no update plan")
        return _PLAN.validate_json(orjson.dumps(found))

    async def has_begun(self, job_id: str) -> bool:
        """Is anything in its journals?"""
        query = select(update_journal.c.step).filter_by(job_id=job_id).limit(1)
        async with self._database.read() as connection:
            return await connection.scalar(query) is not None

    def journal(self, job_id: str, subject: str) -> "Journal":
        """What was done so far for one service (its id) or one stack of the job."""
        return Journal(self._database, self._clock, job_id, subject)


class Journal:
    """A step is written here when it is done, with what later steps and a rollback need to know."""

    def __init__(self, database: Database, clock: Clock, job_id: str, subject: str) -> None:
        self._database = database
        self._clock = clock
        self._key = {"job_id": job_id, "subject": subject}

    async def read(self) -> dict[str, Mapping[str, Any]]:
        query = select(update_journal.c.step, update_journal.c.facts).filter_by(**self._key)
        async with self._database.read() as connection:
            return {row.step: row.facts for row in await connection.execute(query)}

    async def write(self, step: str, facts: Mapping[str, Json] | None = None) -> None:
        """Survives a power cut from the moment this returns."""
        values = {**self._key, "step": step, "facts": dict(facts or {}), "at": self._clock.now()}
        statement = upsert(update_journal).values(values)
        statement = statement.on_conflict_do_update(
            index_elements=["job_id", "subject", "step"], set_={"facts": values["facts"], "at": values["at"]}
        )
        async with self._database.write(durable=True) as connection:
            await connection.execute(statement)
