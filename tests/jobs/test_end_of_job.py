"""The end of a job: hooks in its transaction, and annotations after it."""

from datetime import timedelta

import orjson
import pytest
from sqlalchemy.ext.asyncio import AsyncConnection
from structlog.testing import capture_logs

from dockrev.db.database import Database
from dockrev.errors import Conflict, NotFound, StorageError
from dockrev.jobs.models import (
    Exclusive,
    Job,
    JobStatus,
    Level,
    Termination,
)
from tests.fakes.clock import MovableClock
from tests.jobs.building import Jobs, an_event, failure, progress, stack, success

TWO_HOURS = Exclusive(stale_after=timedelta(hours=2))


class Ends:
    """A hook that records how jobs end."""

    def __init__(self, jobs: Jobs) -> None:
        self.seen: list[tuple[str, JobStatus, bool]] = []
        jobs.store.on_finished(self)

    async def __call__(self, connection: AsyncConnection, job: Job) -> None:
        assert connection.in_transaction()
        self.seen.append((job.id, job.status, "terminated" in job.summary))


async def test_hooks_are_called_once_for_every_kind_of_end(jobs: Jobs, clock: MovableClock) -> None:
    ends = Ends(jobs)
    done, stopped, stale = await jobs.start(stack("a")), await jobs.start(stack("b")), await jobs.start()
    await jobs.store.finish(done, success())
    await jobs.store.finish(done, failure())
    await jobs.store.terminate(done, Termination.CANCELLED)
    await jobs.store.terminate(stopped, Termination.SERVER_RESTART)
    clock.advance(7201)
    await jobs.start(exclusive=TWO_HOURS)
    assert ends.seen == [
        (done, JobStatus.SUCCESS, False),
        (stopped, JobStatus.FAILED, True),
        (stale, JobStatus.FAILED, True),
    ]


async def test_writes_of_a_hook_are_committed_with_the_end(jobs: Jobs, database: Database) -> None:
    async with database.write() as connection:
        await connection.exec_driver_sql("CREATE TABLE outbox (job_id TEXT)")

    async def write(connection: AsyncConnection, job: Job) -> None:
        await connection.exec_driver_sql("INSERT INTO outbox VALUES (?)", (job.id,))

    async def write_and_fail(connection: AsyncConnection, job: Job) -> None:
        await connection.exec_driver_sql("INSERT INTO outbox VALUES ('half')")
        raise ValueError(job.id)

    jobs.store.on_finished(write_and_fail)
    jobs.store.on_finished(write)
    job_id = await jobs.start()
    with capture_logs() as logs:
        await jobs.store.finish(job_id, success())
    assert [line["action"] for line in logs] == ["job.hook_failed"]
    assert (await jobs.store.get(job_id)).status is JobStatus.SUCCESS
    async with database.read() as connection:
        rows = (await connection.exec_driver_sql("SELECT job_id FROM outbox")).fetchall()
    assert rows == [(job_id,)]


async def test_a_failed_write_of_a_hook_leaves_the_job_unfinished(jobs: Jobs) -> None:
    refuses = True

    async def write(connection: AsyncConnection, _job: Job) -> None:
        if refuses:
            await connection.exec_driver_sql("INSERT INTO nowhere VALUES (1)")

    jobs.store.on_finished(write)
    job_id = await jobs.start()
    with pytest.raises(StorageError):
        await jobs.store.finish(job_id, success())
    assert (await jobs.store.get(job_id)).status is JobStatus.RUNNING
    assert await jobs.logs(job_id) == []
    refuses = False
    await jobs.store.finish(job_id, success())
    assert (await jobs.store.get(job_id)).status is JobStatus.SUCCESS


async def test_a_finished_job_takes_only_annotations(jobs: Jobs) -> None:
    job_id = await jobs.start()
    with pytest.raises(Conflict, match="has not ended yet"):
        await jobs.store.annotate(job_id, "notify: telegram=ok")
    with pytest.raises(NotFound):
        await jobs.store.annotate("job_x", "notify: telegram=ok")
    await jobs.store.finish(job_id, success())
    await jobs.store.add_log(job_id, Level.INFO, "late")
    await jobs.store.add_event(job_id, an_event("late"))
    await jobs.store.set_progress(job_id, progress("late"))
    await jobs.store.annotate(job_id, "notify: telegram=ok")
    await jobs.store.annotate(job_id, "notify: mail=failed error=x", Level.WARN)
    finished, *annotations = await jobs.logs(job_id)
    assert orjson.loads(finished.message)["type"] == "job_finished"
    assert [(row.seq, row.level, row.message) for row in annotations] == [
        (2, Level.INFO, "notify: telegram=ok"),
        (3, Level.WARN, "notify: mail=failed error=x"),
    ]
    assert (await jobs.store.get(job_id)).progress is None
