"""Jobs reserve services in a real database."""

import sqlite3
from contextlib import closing

import pytest

from dockrev.db.database import Database
from dockrev.errors import Conflict
from dockrev.jobs.feed import LogFeed
from dockrev.jobs.models import JobOutcome, JobStatus, JobSummary, JobTarget, NewJob, Reason, Scope
from dockrev.jobs.reservations import Reservations
from dockrev.jobs.store import JobStore
from dockrev.stacks.store import StackStore
from tests.fakes.clock import MovableClock
from tests.stacks.building import observed


class Hands:
    """Jobs of one stack with the services `web` and `db`."""

    def __init__(self, database: Database, clock: MovableClock) -> None:
        self.database = database
        self.clock = clock
        self.jobs = JobStore(database, LogFeed(), clock)
        self.reservations = Reservations(database)
        self.jobs.on_finished(self.reservations.job_finished)
        self.ids: dict[str, str] = {}

    async def prepare(self) -> "Hands":
        stacks = StackStore(self.database, self.clock)
        synced = await stacks.sync(observed("blog", web="web:1", db="db:1"))
        stack = await stacks.get(synced.stack_id)
        self.ids = {service.name: service.id for service in stack.services}
        return self

    async def start(self, job_id: str, *services: str, job_type: str = "update") -> None:
        job = NewJob(job_id, job_type, JobTarget(Scope.ALL), "ivan", Reason.UI)
        service_ids = [self.ids[name] for name in services]
        await self.jobs.start(
            job,
            None,
            in_transaction=lambda connection: self.reservations.reserve(connection, job_id, service_ids),
        )

    def taken(self) -> dict[str, str]:
        """The holder of each service that has one."""
        names = {service_id: name for name, service_id in self.ids.items()}
        query = "SELECT service_id, job_id FROM reservations"
        with closing(sqlite3.connect(self.database.path)) as connection:
            return {names[service_id]: holder for service_id, holder in connection.execute(query)}


@pytest.fixture
async def hands(database: Database, clock: MovableClock) -> Hands:
    return await Hands(database, clock).prepare()


async def test_two_updates_of_the_same_service_conflict(hands: Hands) -> None:
    await hands.start("job_1", "web")
    await hands.start("job_2", "db")
    with pytest.raises(Conflict, match="the update job_1 is at work") as refusal:
        await hands.start("job_3", "web")
    assert refusal.value.details == {"existingJobId": "job_1"}
    assert hands.taken() == {"web": "job_1", "db": "job_2"}


async def test_no_update_starts_during_a_restore(hands: Hands) -> None:
    await hands.start("job_1", "web", job_type="restore")
    with pytest.raises(Conflict, match="the restore job_1 is at work") as refusal:
        await hands.start("job_2", "db", "web")
    assert refusal.value.details == {"existingJobId": "job_1"}
    await hands.start("job_3", "db")
    assert hands.taken() == {"web": "job_1", "db": "job_3"}


async def test_no_restore_starts_during_an_update(hands: Hands) -> None:
    await hands.start("job_1", "web")
    with pytest.raises(Conflict, match="the update job_1 is at work"):
        await hands.start("job_2", "db", "web", job_type="restore")
    with pytest.raises(Conflict, match="the update job_1 is at work"):
        await hands.reservations.require_free(hands.ids.values())
    await hands.reservations.require_free([hands.ids["db"]])
    assert hands.taken() == {"web": "job_1"}


async def test_the_end_of_a_job_releases_its_services(hands: Hands) -> None:
    await hands.start("job_1", "db")
    await hands.start("job_2", "web", job_type="restore")
    await hands.jobs.finish("job_1", JobOutcome(JobStatus.FAILED, JobSummary()))
    assert hands.taken() == {"web": "job_2"}
    await hands.start("job_3", "db")


async def test_a_question_about_reservations_writes_nothing(hands: Hands) -> None:
    async with hands.database.write():  # another writer has the lock
        await hands.reservations.require_free(hands.ids.values())


async def test_reservations_that_an_earlier_release_left_are_deleted_at_start(hands: Hands) -> None:
    await hands.start("job_1", "web")
    await hands.start("job_2", "db")
    async with hands.database.write() as connection:
        await connection.exec_driver_sql("UPDATE jobs SET finished_at = created_at WHERE id = 'job_1'")
    await hands.reservations.delete_ended()
    assert hands.taken() == {"db": "job_2"}
