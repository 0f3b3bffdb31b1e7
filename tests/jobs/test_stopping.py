"""Jobs when the server stops, restarts or is killed."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from dockrev.errors import Unavailable
from dockrev.jobs.context import JobContext
from dockrev.jobs.models import Exclusive, Job, JobOutcome, JobProgress, JobStatus
from tests.jobs.building import EVERYTHING, AnySummary, new_job, success
from tests.jobs.works import RESUMING, Endless, Works

ALONE = Exclusive()


async def succeed(_: JobContext) -> JobOutcome:
    return success()


def ended_by(job: Job) -> str:
    assert job.status is JobStatus.FAILED
    terminated = job.summary["terminated"]
    assert isinstance(terminated, dict)
    return str(terminated["reason"])


async def test_a_stop_records_the_true_end_of_every_job_and_new_jobs_run_after_a_restart(
    tmp_path: Path,
) -> None:
    running, stubborn_started = Endless(), asyncio.Event()

    async def nearly_done(context: JobContext) -> JobOutcome:
        stubborn_started.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            context.progress(JobProgress("done", "tidied up", 1, 1))
        return success(finished_anyway=1)

    async with Works.open(tmp_path) as works:
        done = await works.run(succeed)
        running_id = await works.submit(running, EVERYTHING, ALONE)
        stubborn = await works.submit(nearly_done)
        await asyncio.gather(running.began.wait(), stubborn_started.wait())
        not_started = await works.submit(succeed)
        await works.runner.stop()
        ends = {job_id: await works.jobs.store.get(job_id) for job_id in (running_id, stubborn, not_started)}
        with pytest.raises(Unavailable):
            await works.submit(succeed)
        with pytest.raises(Unavailable):
            await works.runner.probe()
    assert running.cancelled
    assert ended_by(ends[running_id]) == "server_shutdown"
    assert ends[stubborn].status is JobStatus.SUCCESS
    assert ends[stubborn].progress is not None
    assert ends[not_started].status is JobStatus.SUCCESS or ended_by(ends[not_started]) == "server_shutdown"
    async with Works.open(tmp_path) as works:
        assert await works.jobs.store.unfinished() == []
        again = await works.submit(succeed, EVERYTHING, ALONE)
        assert (await works.ended(again)).status is JobStatus.SUCCESS
        assert await works.jobs.store.get(done.id) == done


KILLED = """
import asyncio, sys
from pathlib import Path
from dockrev.jobs.models import Exclusive
from tests.jobs.building import EVERYTHING
from tests.jobs.works import Works

async def hang(context):
    await context.log("at work")
    print(context.job.id, flush=True)
    await asyncio.Event().wait()

async def main():
    async with Works.open(Path(sys.argv[1])) as works:
        await works.submit(hang, EVERYTHING, Exclusive())
        await asyncio.Event().wait()

asyncio.run(main())
"""


async def test_a_job_whose_server_was_killed_is_ended_at_the_next_start(tmp_path: Path) -> None:
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", KILLED, str(tmp_path), stdout=asyncio.subprocess.PIPE, cwd=Path.cwd()
    )
    assert child.stdout
    job_id = (await child.stdout.readline()).decode().strip()
    os.kill(child.pid, signal.SIGKILL)
    await child.communicate()
    async with Works.open(tmp_path) as works:
        job = await works.jobs.store.get(job_id)
        assert ended_by(job) == "server_restart"
        assert [row.level for row in await works.jobs.logs(job_id)] == ["info", "warn", "event"]
        again = await works.submit(succeed, EVERYTHING, ALONE)
        assert (await works.ended(again)).status is JobStatus.SUCCESS
        assert await works.jobs.store.get(job_id) == job


async def test_a_stop_leaves_a_job_that_resumes_unfinished_and_it_runs_again(
    tmp_path: Path,
) -> None:
    running = Endless()
    async with Works.open(tmp_path, resumed=running) as works:
        new = new_job(type=RESUMING)
        await works.runner.submit(new)
        await running.began.wait()
    assert running.cancelled
    async with Works.open(tmp_path, resumed=succeed) as works:
        job = await works.ended(new.id)
        assert (job.status, job.summary) == (JobStatus.SUCCESS, {})
        events = [row.message for row in await works.jobs.logs(new.id) if "job_finished" in row.message]
        assert len(events) == 1


async def test_a_cancel_of_a_job_that_resumes_survives_a_restart_and_the_handler_ends_the_job(
    tmp_path: Path,
) -> None:
    began = asyncio.Event()

    async def undo_when_cancelled(context: JobContext) -> JobOutcome:
        began.set()
        await context.cancel_requested.wait()
        return JobOutcome(JobStatus.ROLLED_BACK, AnySummary.model_validate({"undone": 1}))

    async with Works.open(tmp_path, resumed=Endless()) as works:
        new = new_job(type=RESUMING)
        await works.runner.submit(new)
        await works.runner.cancel(new.id)
    async with Works.open(tmp_path, resumed=undo_when_cancelled) as works:
        job = await works.ended(new.id)
        assert (job.status, job.summary) == (JobStatus.ROLLED_BACK, {"undone": 1})

        another = new_job(type=RESUMING)
        began.clear()
        await works.runner.submit(another)
        await began.wait()
        await works.runner.cancel(another.id)
        assert (await works.ended(another.id)).status is JobStatus.ROLLED_BACK
