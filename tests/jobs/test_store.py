"""The store of jobs and log lines: start rules, ends, lists and pages."""

import asyncio
from datetime import timedelta

import orjson
import pytest

from dockrev.clock import timestamp
from dockrev.errors import Conflict, NotFound
from dockrev.jobs.cursor import decode_cursor, encode_cursor
from dockrev.jobs.models import (
    BackupMode,
    Exclusive,
    JobFilter,
    JobStatus,
    JobTarget,
    Level,
    Line,
    NewJob,
    Reason,
    Scope,
    Termination,
)
from tests.fakes.clock import MovableClock
from tests.jobs.building import EVERYTHING, Jobs, an_event, failure, new_job, progress, stack, success

ALONE = Exclusive()
TWO_HOURS = Exclusive(stale_after=timedelta(hours=2))
SERVICE = JobTarget(Scope.SERVICE, service_id="svc_a")


async def test_a_started_job_is_running(jobs: Jobs, clock: MovableClock) -> None:
    target = JobTarget(Scope.SERVICE, "stk_a", "svc_a")
    await jobs.store.start(NewJob("chk_1", "check", target, "ann", Reason.WEBHOOK), None)
    job = await jobs.store.get("chk_1")
    assert (job.id, job.type, job.target, job.status) == ("chk_1", "check", target, JobStatus.RUNNING)
    assert (job.created_by, job.reason) == ("ann", "webhook")
    assert (job.created_at, job.started_at, job.finished_at) == (clock.now(), clock.now(), None)
    assert (job.allow_arch_mismatch, job.backup_mode) == (False, BackupMode.INHERIT)
    assert (job.summary, job.progress) == ({}, None)


async def test_a_job_that_does_not_exist_is_not_found(jobs: Jobs) -> None:
    with pytest.raises(NotFound, match="job not found"):
        await jobs.store.get("job_x")


@pytest.mark.parametrize(
    ("running", "new"),
    [
        (EVERYTHING, EVERYTHING),
        (stack("stk_a"), stack("stk_a")),
        (SERVICE, SERVICE),
        (JobTarget(Scope.SERVICE, "stk_a", "svc_a"), SERVICE),
    ],
)
async def test_the_same_check_does_not_start_twice(jobs: Jobs, running: JobTarget, new: JobTarget) -> None:
    first = await jobs.start(running, TWO_HOURS)
    with pytest.raises(Conflict, match="check already running") as raised:
        await jobs.start(new, TWO_HOURS)
    assert raised.value.details == {"existingJobId": first}
    assert [job.id for job in await jobs.store.unfinished()] == [first]


@pytest.mark.parametrize(
    ("running", "new"),
    [
        (EVERYTHING, stack("stk_a")),
        (EVERYTHING, SERVICE),
        (stack("stk_a"), EVERYTHING),
        (stack("stk_a"), stack("stk_b")),
        (stack("stk_a"), JobTarget(Scope.SERVICE, "stk_a", "svc_a")),
        (SERVICE, JobTarget(Scope.SERVICE, service_id="svc_b")),
    ],
)
async def test_different_scopes_and_targets_never_conflict(
    jobs: Jobs, running: JobTarget, new: JobTarget
) -> None:
    await jobs.start(running, ALONE)
    await jobs.start(new, ALONE)


async def test_any_target_allows_one_job_of_a_kind(jobs: Jobs) -> None:
    first = await jobs.start(stack("stk_a"), type="restore")
    await jobs.start(stack("stk_b"), Exclusive(any_target=True))
    with pytest.raises(Conflict, match="restore already running") as raised:
        await jobs.start(stack("stk_b"), Exclusive(any_target=True), type="restore")
    assert raised.value.details == {"existingJobId": first}


async def test_other_kinds_of_job_never_conflict(jobs: Jobs) -> None:
    await jobs.start(type="discovery", exclusive=ALONE)
    await jobs.start(type="check", exclusive=ALONE)


async def test_without_a_rule_any_number_runs(jobs: Jobs) -> None:
    for _ in range(3):
        await jobs.start()
    assert len(await jobs.store.unfinished()) == 3


async def test_a_finished_job_causes_no_conflict(jobs: Jobs) -> None:
    await jobs.finished()
    await jobs.start(exclusive=ALONE)


async def test_one_of_two_concurrent_starts_succeeds(jobs: Jobs) -> None:
    attempts = [jobs.start(exclusive=ALONE) for _ in range(5)]
    results = await asyncio.gather(*attempts, return_exceptions=True)
    assert sorted(type(result).__name__ for result in results) == ["Conflict"] * 4 + ["str"]


async def test_a_job_of_exactly_two_hours_is_not_stale(jobs: Jobs, clock: MovableClock) -> None:
    await jobs.start(exclusive=TWO_HOURS)
    clock.advance(2 * 3600)
    with pytest.raises(Conflict):
        await jobs.start(exclusive=TWO_HOURS)


async def test_a_stale_job_is_closed_and_makes_room(jobs: Jobs, clock: MovableClock) -> None:
    stale = await jobs.start(exclusive=TWO_HOURS)
    clock.advance(2 * 3600 + 1)
    new = new_job()
    assert await jobs.store.start(new, TWO_HOURS) == [stale]
    job = await jobs.store.get(stale)
    assert (job.status, job.finished_at) == (JobStatus.FAILED, clock.now())
    assert job.summary == {"terminated": {"reason": "stale_check", "at": timestamp(clock.now())}}
    assert (await jobs.store.get(new.id)).status is JobStatus.RUNNING


async def test_without_an_age_limit_an_old_job_still_conflicts(jobs: Jobs, clock: MovableClock) -> None:
    await jobs.start(exclusive=ALONE)
    clock.advance(10**6)
    with pytest.raises(Conflict):
        await jobs.start(exclusive=ALONE)


async def test_finishing_merges_the_summary_and_adds_the_end_event_last(
    jobs: Jobs, clock: MovableClock
) -> None:
    job_id = await jobs.start()
    await jobs.store.add_log(job_id, Level.INFO, "at work")
    clock.advance(5)
    await jobs.store.finish(job_id, success(checked=3))
    job = await jobs.store.get(job_id)
    assert (job.status, job.finished_at, job.summary) == (JobStatus.SUCCESS, clock.now(), {"checked": 3})
    *_, last = await jobs.logs(job_id)
    assert (last.level, orjson.loads(last.message)) == (
        Level.EVENT,
        {"type": "job_finished", "jobId": job_id, "ts": timestamp(clock.now()), "status": "success"},
    )


async def test_the_last_line_comes_right_before_the_end(jobs: Jobs) -> None:
    job_id = await jobs.start()
    failed = failure(error="no")
    await jobs.store.finish(job_id, failed, Line(Level.ERROR, "check failed: no"))
    assert [row.level for row in await jobs.logs(job_id)] == [Level.ERROR, Level.EVENT]


async def test_a_job_ends_once_and_takes_no_more_lines(jobs: Jobs, clock: MovableClock) -> None:
    job_id = await jobs.start()
    await jobs.store.set_progress(job_id, progress("done"))
    await jobs.store.finish(job_id, success(checked=3))
    job, logs = await jobs.store.get(job_id), await jobs.logs(job_id)
    clock.advance(1)
    await jobs.store.finish(job_id, failure(error="late"))
    await jobs.store.terminate(job_id, Termination.SERVER_RESTART)
    await jobs.store.add_log(job_id, Level.INFO, "late")
    await jobs.store.add_event(job_id, an_event("late"))
    await jobs.store.set_progress(job_id, progress("late"))
    assert (await jobs.store.get(job_id), await jobs.logs(job_id)) == (job, logs)


@pytest.mark.parametrize("reason", Termination)
async def test_an_interrupted_job_names_the_reason(
    jobs: Jobs, clock: MovableClock, reason: Termination
) -> None:
    job_id = await jobs.start()
    await jobs.store.terminate(job_id, reason)
    job = await jobs.store.get(job_id)
    assert job.status is JobStatus.FAILED
    assert job.summary == {"terminated": {"reason": reason.value, "at": timestamp(clock.now())}}
    warning, finished = await jobs.logs(job_id)
    assert warning.level is Level.WARN
    assert reason.value in warning.message
    assert orjson.loads(finished.message)["status"] == "failed"


async def test_only_the_newest_progress_is_stored(jobs: Jobs) -> None:
    job_id = await jobs.start()
    await jobs.store.add_log(job_id, Level.INFO, "first")
    for current in range(3):
        await jobs.store.set_progress(job_id, progress(current=current))
    first, newest = await jobs.logs(job_id)
    assert first.message == "first"
    document = orjson.loads(newest.message)
    assert (document["type"], document["current"]) == ("job_progress", 2)
    assert (await jobs.store.get(job_id)).progress == progress(current=2).document()


async def test_line_numbers_grow_over_all_jobs_and_are_never_used_again(jobs: Jobs) -> None:
    first, second = await jobs.start(), await jobs.start()
    await jobs.store.set_progress(first, progress())
    before = await jobs.store.last_log_id()
    await jobs.store.set_progress(first, progress())
    await jobs.store.add_log(second, Level.INFO, "x")
    assert [row.id for row in await jobs.store.logs_after(0, 10)] == [before + 1, before + 2]
    assert [row.id for row in await jobs.store.logs_after(0, 10, first)] == [before + 1]
    assert [row.id for row in await jobs.store.logs_after(before + 1, 10)] == [before + 2]


async def test_the_newest_lines_are_returned_oldest_first(jobs: Jobs) -> None:
    job_id = await jobs.start()
    for number in range(5):
        await jobs.store.add_log(job_id, Level.INFO, str(number))
    assert [row.message for row in await jobs.store.newest_logs(job_id, 3)] == ["2", "3", "4"]


async def paged(jobs: Jobs, job_filter: JobFilter, limit: int) -> list[list[str]]:
    """Reads all pages like a client, with the cursor as text."""
    pages, cursor = [], None
    while True:
        page = await jobs.store.page(job_filter, limit, decode_cursor(cursor) if cursor else None)
        pages.append([job.id for job in page[:limit]])
        if len(page) <= limit:
            return pages
        cursor = encode_cursor(page[limit - 1])


async def test_pages_lose_and_repeat_no_jobs_that_were_created_at_the_same_time(
    jobs: Jobs, clock: MovableClock
) -> None:
    ids = []
    for batch in range(3):
        ids += [await jobs.start() for _ in range(4)]
        clock.advance(batch)
    pages = await paged(jobs, JobFilter(), 5)
    assert [len(page) for page in pages] == [5, 5, 2]
    listed = [job_id for page in pages for job_id in page]
    assert sorted(listed) == sorted(ids)
    created = [(await jobs.store.get(job_id)).created_at for job_id in listed]
    assert created == sorted(created, reverse=True)


@pytest.mark.parametrize(
    ("job_filter", "expected"),
    [
        (JobFilter(), "ABCD"),
        (JobFilter(types=frozenset({"check"})), "ABD"),
        (JobFilter(types=frozenset({"check", "discovery"})), "ABCD"),
        (JobFilter(types=frozenset({"other"})), ""),
        (JobFilter(status=JobStatus.RUNNING), "B"),
        (JobFilter(status=JobStatus.SUCCESS, stack_id="stk_a"), "AD"),
        (JobFilter(service_id="svc_a"), "D"),
    ],
)
async def test_jobs_are_filtered(jobs: Jobs, job_filter: JobFilter, expected: str) -> None:
    names = {
        (await jobs.finished(stack("stk_a"))).id: "A",
        await jobs.start(stack("stk_b")): "B",
        (await jobs.finished(type="discovery")).id: "C",
        (await jobs.finished(JobTarget(Scope.SERVICE, "stk_a", "svc_a"))).id: "D",
    }
    assert {names[job.id] for job in await jobs.store.page(job_filter, 10, None)} == set(expected)


async def test_old_jobs_are_deleted_with_their_lines_a_few_at_a_time(jobs: Jobs, clock: MovableClock) -> None:
    running = await jobs.start()
    old = []
    for _ in range(3):
        old.append((await jobs.finished()).id)
        clock.advance(1)
    limit = clock.now()
    young = (await jobs.finished()).id
    assert await jobs.store.delete_finished_before(limit, 2) == old[:2]
    assert await jobs.store.delete_finished_before(limit, 2) == old[2:]
    assert await jobs.store.delete_finished_before(limit, 2) == []
    assert await jobs.logs(old[0]) == []
    assert {job.id for job in await jobs.store.page(JobFilter(), 10, None)} == {running, young}


async def test_stored_lines_reach_the_feed_in_order(jobs: Jobs) -> None:
    ids = [await jobs.start() for _ in range(4)]

    async def write(job_id: str) -> None:
        for number in range(10):
            await jobs.store.add_log(job_id, Level.INFO, str(number))
        await jobs.store.finish(job_id, success())

    with jobs.feed.subscribe() as subscription:
        async with asyncio.TaskGroup() as group:
            for job_id in ids:
                group.create_task(write(job_id))
        published = await subscription.next()
    stored = await jobs.store.logs_after(0, 1000)
    assert len(stored) == 44
    assert published == stored


async def test_the_lines_of_a_job_are_numbered_independently_of_other_jobs(jobs: Jobs) -> None:
    first, second = await jobs.start(), await jobs.start()
    for job_id in (first, second, first):
        await jobs.store.add_log(job_id, Level.INFO, "x")
    await jobs.store.set_progress(first, progress("a"))
    await jobs.store.set_progress(first, progress("b"))
    await jobs.store.finish(first, success(), Line(Level.ERROR, "last"))
    assert [row.seq for row in await jobs.logs(first)] == [1, 2, 4, 5, 6], "replaced progress leaves a gap"
    assert [row.seq for row in await jobs.logs(second)] == [1]


async def test_a_job_belongs_to_a_host(jobs: Jobs) -> None:
    await jobs.store.start(NewJob("chk_1", "check", EVERYTHING, "ann", Reason.UI, host_id="nas"), None)
    assert (await jobs.store.get("chk_1")).host_id == "nas"
    assert (await jobs.store.get(await jobs.start(stack("stk_a")))).host_id == "local"
