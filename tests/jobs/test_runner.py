"""The runner runs jobs and records their true end, whatever the handler does."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path

import orjson
import pytest
import pytest_asyncio

from dockrev.errors import Conflict, NotFound, UpstreamError
from dockrev.jobs.context import JobContext
from dockrev.jobs.models import Exclusive, JobOutcome, JobProgress, JobStatus, Level
from dockrev.jobs.retention import KEPT, delete_old_jobs
from tests.fakes.clock import MovableClock
from tests.jobs.building import an_event, failure, new_job, success
from tests.jobs.works import Endless, Works, logged

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module")
def hands() -> MovableClock:
    """The clock of the shared runner."""
    return MovableClock()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def works(tmp_path_factory: pytest.TempPathFactory, hands: MovableClock) -> AsyncIterator[Works]:
    async with Works.open(tmp_path_factory.mktemp("jobs"), hands) as works:
        yield works


async def succeed(context: JobContext) -> JobOutcome:
    await context.log("at work")
    return success(done=1)


async def messages(works: Works, job_id: str) -> list[tuple[Level, str]]:
    return [(row.level, row.message) for row in await works.jobs.logs(job_id) if row.level is not Level.EVENT]


async def test_a_handler_that_succeeds_makes_the_job_a_success(works: Works) -> None:
    job = await works.run(succeed)
    assert (job.status, job.summary) == (JobStatus.SUCCESS, {"done": 1})
    assert await messages(works, job.id) == [(Level.INFO, "at work")]


async def test_submitting_returns_before_the_work_is_done(works: Works) -> None:
    go_on = asyncio.Event()

    async def wait(_: JobContext) -> JobOutcome:
        await go_on.wait()
        return success()

    job_id = await works.submit(wait)
    assert (await works.jobs.store.get(job_id)).status is JobStatus.RUNNING
    go_on.set()
    assert (await works.ended(job_id)).status is JobStatus.SUCCESS


async def test_a_handler_may_return_a_failure(works: Works) -> None:
    async def fail(_: JobContext) -> JobOutcome:
        return failure(error="two of three failed", failed=2)

    job = await works.run(fail)
    assert (job.status, job.summary) == (JobStatus.FAILED, {"error": "two of three failed", "failed": 2})
    assert await messages(works, job.id) == [(Level.ERROR, "work failed: two of three failed")]


async def test_an_app_error_becomes_the_error_of_the_job(works: Works) -> None:
    async def fail(_: JobContext) -> JobOutcome:
        raise UpstreamError("the engine is away")

    job = await works.run(fail)
    assert (job.status, job.summary) == (JobStatus.FAILED, {"error": "the engine is away"})
    assert await messages(works, job.id) == [(Level.ERROR, "work failed: the engine is away")]


async def test_a_crash_fails_the_job_without_showing_secrets(works: Works) -> None:
    async def crash(_: JobContext) -> JobOutcome:
        raise ValueError("https://ann:hunter2@registry")

    with logged("job.crashed") as crashed:
        job = await works.run(crash)
    assert crashed.is_set()
    assert job.status is JobStatus.FAILED
    assert "ValueError" in str(job.summary["error"])
    assert "hunter2" not in str(job.summary) + str(await works.jobs.logs(job.id))


async def test_an_exception_group_fails_the_job(works: Works) -> None:
    async def fail() -> None:
        raise ValueError

    async def crash(_: JobContext) -> JobOutcome:
        async with asyncio.TaskGroup() as group:
            group.create_task(fail())
            group.create_task(fail())
        return success()

    with logged("job.crashed"):
        assert (await works.run(crash)).status is JobStatus.FAILED


async def test_jobs_run_at_the_same_time(works: Works) -> None:
    meet = asyncio.Barrier(3)

    async def wait_for_others(_: JobContext) -> JobOutcome:
        async with asyncio.timeout(5):
            await meet.wait()
        return success()

    ids = [await works.submit(wait_for_others) for _ in range(3)]
    assert {(await works.ended(job_id)).status for job_id in ids} == {JobStatus.SUCCESS}


async def test_a_conflict_starts_nothing(works: Works) -> None:
    target, endless = works.target(), Endless()
    first = await works.submit(endless, target, Exclusive())
    await endless.began.wait()
    with pytest.raises(Conflict) as raised:
        await works.submit(succeed, target, Exclusive())
    assert raised.value.details == {"existingJobId": first}
    assert not endless.cancelled


async def test_a_stale_job_is_stopped_and_adds_nothing_to_its_end(works: Works, hands: MovableClock) -> None:
    target, endless = works.target(), Endless()

    async def report_and_hang(context: JobContext) -> JobOutcome:
        context.progress(JobProgress("scanning", "hanging", 1, 2))
        return await endless(context)

    stale = await works.submit(report_and_hang, target)
    await endless.began.wait()
    hands.advance(7201)
    new = await works.submit(succeed, target, Exclusive(timedelta(hours=2)))
    assert (await works.ended(new)).status is JobStatus.SUCCESS
    job = await works.ended(stale)
    assert orjson.loads(orjson.dumps(job.summary))["terminated"]["reason"] == "stale_check"
    assert endless.cancelled
    logs = await works.jobs.logs(stale)
    assert orjson.loads(logs[-1].message)["type"] == "job_finished"
    assert [row.level for row in logs].count(Level.WARN) == 1


async def test_a_job_can_be_cancelled_before_it_starts(works: Works) -> None:
    for _ in range(10):  # it may have started meanwhile, or not
        job_id = await works.submit(Endless())
        await works.runner.cancel(job_id)

        job = await works.ended(job_id)

        assert orjson.loads(orjson.dumps(job.summary))["terminated"]["reason"] == "cancelled"


async def test_events_are_stored_with_their_fields(works: Works) -> None:
    async def tell(context: JobContext) -> JobOutcome:
        await context.event(an_event("something_seen", stackId="stk_a", count=2))
        return success()

    job = await works.run(tell)
    seen = orjson.loads((await works.jobs.logs(job.id))[0].message)
    assert (seen["type"], seen["jobId"], seen["stackId"], seen["count"]) == (
        "something_seen",
        job.id,
        "stk_a",
        2,
    )


async def test_frequent_progress_is_stored_rarely_and_ends_with_the_newest(works: Works) -> None:
    async def count(context: JobContext) -> JobOutcome:
        for current in range(2000):
            context.progress(JobProgress("scanning", "x", current, 2000, current, "stk_a"))
            if current % 100 == 0:
                await asyncio.sleep(0)
        context.progress(JobProgress("done", "finished", 2000, 2000))
        return success()

    with works.jobs.feed.subscribe() as subscription:
        job = await works.run(count)
        published = await subscription.next()
    assert job.progress is not None
    assert (job.progress["phase"], job.progress["percent"]) == ("done", 100)
    rows = [row for row in await works.jobs.logs(job.id) if "job_progress" in row.message]
    assert len(rows) == 1
    assert 1 <= sum(row.job_id == job.id and "job_progress" in row.message for row in published) <= 3


async def test_the_last_progress_is_stored_when_the_handler_ends_meanwhile(works: Works) -> None:
    async def finish_at_once(context: JobContext) -> JobOutcome:
        context.progress(JobProgress("done", "finished", 3, 3))
        await context.log("finished")
        return success()

    for _ in range(10):
        job = await works.run(finish_at_once)
        assert job.progress is not None
        assert job.progress["phase"] == "done"


@contextmanager
def locked(path: Path) -> Iterator[None]:
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


async def test_an_end_that_cannot_be_stored_is_stored_once_later(works: Works) -> None:
    reached, go_on = asyncio.Event(), asyncio.Event()

    async def fail(context: JobContext) -> JobOutcome:
        reached.set()
        await go_on.wait()
        context.progress(JobProgress("done", "finished", 3, 3))
        raise UpstreamError("no")

    job_id = await works.submit(fail)
    await reached.wait()
    with logged("job.storage_awaited") as awaited, locked(works.database.path):
        go_on.set()
        async with asyncio.timeout(5):
            await awaited.wait()
    job = await works.ended(job_id)
    assert (job.status, job.summary) == (JobStatus.FAILED, {"error": "no"})
    assert job.progress is not None
    assert await messages(works, job_id) == [(Level.ERROR, "work failed: no")]


async def test_a_job_of_an_unknown_kind_fails(works: Works) -> None:
    new = new_job(works.target(), "unheard of")
    with logged("job.crashed"):
        await works.runner.submit(new)
        assert (await works.ended(new.id)).status is JobStatus.FAILED


async def test_the_probe_reports_how_many_jobs_run(works: Works) -> None:
    assert (await works.runner.probe()).endswith(" running")


async def test_old_finished_jobs_are_deleted_and_newer_ones_kept(works: Works, hands: MovableClock) -> None:
    hands.advance(KEPT.total_seconds() + 1)
    await delete_old_jobs(works.jobs.store, hands)
    old = [(await works.run(succeed)).id] + [(await works.jobs.finished()).id for _ in range(59)]
    hands.advance(KEPT.total_seconds())
    young = await works.run(succeed)
    assert await delete_old_jobs(works.jobs.store, hands) == 0
    hands.advance(1)
    assert await delete_old_jobs(works.jobs.store, hands) == len(old)
    assert await works.jobs.store.get(young.id) == young
    for job_id in old:
        with pytest.raises(NotFound):
            await works.jobs.store.get(job_id)
