"""Scheduled runtime scans."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from dockrev.background import every
from dockrev.jobs.models import JobFilter, Scope
from tests.jobs.works import logged
from tests.runtime_scans.scans import Scans


@pytest.fixture
async def scans(tmp_path: Path) -> AsyncIterator[Scans]:
    async with Scans.open(tmp_path) as scans:
        yield scans


async def until_fired(scans: Scans, times: int) -> None:
    """Waits until the timer has fired this many times."""
    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        timer = group.create_task(every("runtime scans", 0.01, scans.scan_jobs.start_scheduled))
        with scans.jobs.feed.subscribe() as arriving:
            while scans.looks < times:
                await arriving.next()
        timer.cancel()


async def test_the_first_scan_starts_at_once_and_others_follow(scans: Scans) -> None:
    await until_fired(scans, 2)

    jobs = await scans.jobs.store.page(JobFilter(), 10, None)
    assert len(jobs) >= 2
    assert {(job.created_by, job.reason, job.target.scope) for job in jobs} == {
        ("schedule", "schedule", Scope.ALL)
    }


async def test_no_scan_starts_while_one_of_any_scope_runs(scans: Scans) -> None:
    stack_id = await scans.bench.stack("blog")
    scans.may_look.clear()
    job_id = await scans.start({"scope": "stack", "stackId": stack_id})

    assert not await scans.scan_jobs.start_scheduled()
    scans.may_look.set()
    await scans.ended(job_id)

    assert await scans.scan_jobs.start_scheduled()


async def test_a_failure_to_start_a_scan_is_logged_and_the_timer_goes_on(tmp_path: Path) -> None:
    async with Scans.open(tmp_path) as scans:
        pass
    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        timer = group.create_task(every("runtime scans", 0.001, scans.scan_jobs.start_scheduled))
        for _ in range(2):
            with logged("background.failed") as seen:
                await seen.wait()
        timer.cancel()
