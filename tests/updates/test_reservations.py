"""Who may work on a service, on a real database."""

import sqlite3
from contextlib import closing

import pytest
from sqlalchemy import insert

from dockrev.backups.store import backups
from dockrev.db.database import Database
from dockrev.errors import Conflict
from dockrev.jobs.feed import LogFeed
from dockrev.jobs.models import JobOutcome, JobStatus, JobSummary, JobTarget, NewJob, Reason, Scope
from dockrev.jobs.store import JobStore
from dockrev.stacks.store import StackStore
from dockrev.updates.reservations import Reservations
from tests.fakes.clock import MovableClock
from tests.stacks.building import observed


class Hands:
    """Updates and restores of one stack with the services `web` and `db`."""

    def __init__(self, database: Database, clock: MovableClock) -> None:
        self.database = database
        self.clock = clock
        self.jobs = JobStore(database, LogFeed(), clock)
        self.reservations = Reservations(database)
        self.ids: dict[str, str] = {}

    async def prepare(self) -> "Hands":
        stacks = StackStore(self.database, self.clock)
        synced = await stacks.sync(observed("blog", web="web:1", db="db:1"))
        stack = await stacks.get(synced.stack_id)
        self.ids = {one.name: one.id for one in stack.services}
        async with self.database.write() as connection:
            for backup_id in ("bkp_1", "bkp_2"):
                row: dict[str, object] = {
                    "id": backup_id,
                    "stack_id": stack.id,
                    "project": "blog",
                    "status": "success",
                    "created_at": self.clock.now(),
                    "artifact_path": "/x",
                    "targets": [],
                }
                await connection.execute(insert(backups).values(row))
        return self

    async def update(self, job_id: str, *services: str) -> None:
        job = NewJob(job_id, "update", JobTarget(Scope.ALL), "ivan", Reason.UI)
        wanted = [self.ids[name] for name in services]
        await self.jobs.start(
            job, None, in_transaction=lambda one: self.reservations.for_job(one, job_id, wanted)
        )

    def taken(self) -> dict[str, str]:
        """The holder of each service that has one."""
        names = {service_id: name for name, service_id in self.ids.items()}
        query = "SELECT service_id, coalesce(job_id, backup_id) FROM reservations"
        with closing(sqlite3.connect(self.database.path)) as connection:
            return {names[service_id]: holder for service_id, holder in connection.execute(query)}


@pytest.fixture
async def hands(database: Database, clock: MovableClock) -> Hands:
    return await Hands(database, clock).prepare()


async def test_two_updates_of_the_same_service_do_not_go_together(hands: Hands) -> None:
    await hands.update("job_1", "web")
    await hands.update("job_2", "db")
    with pytest.raises(Conflict, match="the update job_1 is at work") as refusal:
        await hands.update("job_3", "web")
    assert refusal.value.details == {"existingJobId": "job_1"}
    assert hands.taken() == {"web": "job_1", "db": "job_2"}


async def test_a_job_that_has_ended_holds_nothing(hands: Hands) -> None:
    await hands.update("job_1", "web")
    await hands.jobs.finish("job_1", JobOutcome(JobStatus.SUCCESS, JobSummary()))
    await hands.update("job_2", "web")
    assert hands.taken() == {"web": "job_2"}


async def test_no_update_begins_during_a_restore(hands: Hands) -> None:
    async with hands.reservations.for_restore("bkp_1", [hands.ids["web"]]):
        with pytest.raises(Conflict, match="brought back from the backup bkp_1") as refusal:
            await hands.update("job_1", "db", "web")
        await hands.update("job_2", "db")
    assert refusal.value.details == {"backupId": "bkp_1"}
    await hands.update("job_3", "web")
    assert hands.taken() == {"db": "job_2", "web": "job_3"}


async def test_no_restore_begins_during_an_update(hands: Hands) -> None:
    await hands.update("job_1", "web")
    for wanted in ([hands.ids["web"]], list(hands.ids.values())):
        with pytest.raises(Conflict) as refusal:
            async with hands.reservations.for_restore("bkp_1", wanted):
                pass
        assert refusal.value.details == {"existingJobId": "job_1"}
    assert hands.taken() == {"web": "job_1"}


async def test_one_restore_at_a_time(hands: Hands) -> None:
    async with hands.reservations.for_restore("bkp_1", [hands.ids["web"]]):
        with pytest.raises(Conflict, match="another restore is at work"):
            async with hands.reservations.for_restore("bkp_2", [hands.ids["db"]]):
                pass
        assert hands.taken() == {"web": "bkp_1"}
    async with hands.reservations.for_restore("bkp_2", [hands.ids["db"]]):
        assert hands.taken() == {"db": "bkp_2"}


async def test_a_restore_that_fails_holds_nothing(hands: Hands) -> None:
    with pytest.raises(ZeroDivisionError):
        async with hands.reservations.for_restore("bkp_1", [hands.ids["web"]]):
            raise ZeroDivisionError
    assert hands.taken() == {}


async def test_what_a_restart_releases_is_not_a_restores(hands: Hands) -> None:
    await hands.update("job_1", "db")
    async with hands.reservations.for_restore("bkp_1", [hands.ids["web"]]):
        await hands.reservations.release_all_but([])
        assert hands.taken() == {"web": "bkp_1"}
