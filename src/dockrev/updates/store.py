"""Stores the plans of updates and the journals of their replacements: the only SQL for these tables."""

from collections.abc import Mapping

import orjson
from pydantic import TypeAdapter
from sqlalchemy import JSON, Column, ForeignKey, String, Table, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from dockrev.clock import Clock
from dockrev.db.database import Database
from dockrev.db.schema import Moment, metadata
from dockrev.db.upsert import upsert
from dockrev.errors import NotFound
from dockrev.replacement.ports import Facts
from dockrev.replacement.replace import PROJECT
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
"""`subject` is the id of a service or of a stack."""

_PLAN = TypeAdapter(UpdatePlan)


class UpdateStore:
    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def admit(self, connection: AsyncConnection, job_id: str, plan: UpdatePlan) -> None:
        """Stores the plan. `connection` is the transaction that records the job."""
        document = orjson.loads(_PLAN.dump_json(plan))
        await connection.execute(insert(update_plans).values(job_id=job_id, plan=document))

    async def plan(self, job_id: str) -> UpdatePlan:
        query = select(update_plans.c.plan).where(update_plans.c.job_id == job_id)
        async with self._database.read() as connection:
            document = await connection.scalar(query)
        if document is None:
            raise NotFound("the job has no update plan")
        return _PLAN.validate_json(orjson.dumps(document))

    async def has_begun(self, job_id: str) -> bool:
        """Whether the job's journal has any entry."""
        query = select(update_journal.c.step).filter_by(job_id=job_id).limit(1)
        async with self._database.read() as connection:
            return await connection.scalar(query) is not None

    def journal(self, job_id: str, stack_id: str) -> "SqlJournal":
        return SqlJournal(self._database, self._clock, job_id, stack_id)


class SqlJournal:
    """The journal of one stack of a job. Its rows store the id of the stack for the subject PROJECT."""

    def __init__(self, database: Database, clock: Clock, job_id: str, stack_id: str) -> None:
        self._database = database
        self._clock = clock
        self._job_id = job_id
        self._stack_id = stack_id

    async def read(self, subject: str) -> Mapping[str, Facts]:
        query = select(update_journal.c.step, update_journal.c.facts).filter_by(**self._key(subject))
        async with self._database.read() as connection:
            rows = await connection.execute(query.order_by(update_journal.c.at))
            return {row.step: row.facts for row in rows}

    async def write(self, subject: str, entry: str, facts: Facts) -> None:
        values = {**self._key(subject), "step": entry, "facts": dict(facts), "at": self._clock.now()}
        async with self._database.write(durable=True) as connection:
            await upsert(connection, update_journal, [values])

    def _key(self, subject: str) -> dict[str, str]:
        return {"job_id": self._job_id, "subject": self._stack_id if subject == PROJECT else subject}
