"""The restore job: one runs at a time, a cancel works before the first change, and a restart repeats it."""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from pathlib import Path

import pytest

from dockrev.backups.jobs import RestoreJobs
from dockrev.backups.models import OnProgress, OnRestoreStep, RestoredTarget, RestoreStep
from dockrev.backups.plan import RestorePlanner
from dockrev.backups.restore import BackupRestorer, ignore_step
from dockrev.db.database import Database
from dockrev.docker.data import BackupTarget
from dockrev.docker.engine import Engine
from dockrev.errors import Conflict, DockerError
from dockrev.hosts.directory import HostDirectory
from dockrev.hosts.host import Host
from dockrev.jobs.models import Job, JobStatus
from dockrev.jobs.reservations import Reservations
from dockrev.jobs.runner import JobRunner
from dockrev.stacks.store import StackStore
from tests.backups.bench import Bench, directory_of, tree, volume
from tests.fakes.clock import MovableClock
from tests.hosts.building import host_of
from tests.jobs.building import Jobs
from tests.testbed.engine import Engine as RealEngine
from tests.testbed.projects import Project


class ObservedRestorer(BackupRestorer):
    """A restorer that calls a function of the test when a step begins."""

    at: RestoreStep | None = None
    action: Callable[[], Awaitable[object]]

    async def restore(
        self,
        backup_id: str,
        targets: Collection[BackupTarget] | None = None,
        *,
        stop_containers: bool,
        on_progress: OnProgress = lambda _: None,
        on_step: OnRestoreStep = ignore_step,
    ) -> tuple[RestoredTarget, ...]:
        async def step(step: RestoreStep, text: str) -> None:
            if step is self.at:
                self.at = None
                await self.action()
            await on_step(step, text)

        return await super().restore(
            backup_id, targets, stop_containers=stop_containers, on_progress=on_progress, on_step=step
        )


@dataclass(frozen=True, slots=True)
class Server:
    """The parts of a server that restore data."""

    jobs: Jobs
    runner: JobRunner
    restorer: ObservedRestorer
    restores: RestoreJobs
    reservations: Reservations

    @classmethod
    async def started(cls, host: Host, bench: Bench, database: Database, clock: MovableClock) -> "Server":
        jobs, reservations = Jobs.of(database, clock), Reservations(database)
        jobs.store.on_finished(reservations.job_finished)
        runner, restorer = JobRunner(jobs.store, clock), ObservedRestorer(host, bench.store)
        stacks = StackStore(database, clock)
        planner = RestorePlanner(bench.store, reservations, HostDirectory([host]), stacks)
        restores = RestoreJobs(runner, reservations, planner, {host.id: restorer}, clock)
        await runner.start()
        return cls(jobs, runner, restorer, restores, reservations)

    async def restore(self, backup_id: str) -> str:
        return await self.restores.start(backup_id, None, "ann", stop_containers=True)

    async def ended(self, job_id: str) -> Job:
        return await self.jobs.ended(job_id, seconds=60)

    async def messages(self, job_id: str) -> list[str]:
        return [row.message for row in await self.jobs.logs(job_id)]


Start = Callable[[], Awaitable[Server]]


@pytest.fixture
def start(client: Engine, bench: Bench, database: Database, clock: MovableClock) -> Start:
    host = host_of(client)
    return lambda: Server.started(host, bench, database, clock)


@pytest.fixture
def data(blog: Project, engine: RealEngine) -> Path:
    return directory_of(engine, volume(blog, "data"))


async def test_a_second_restore_is_refused_while_one_runs(
    bench: Bench, blog: Project, start: Start, data: Path
) -> None:
    server, before, backup_id = await start(), tree(data), await bench.made(blog)
    refusals: list[Conflict] = []

    async def try_another() -> None:
        with pytest.raises(Conflict) as refusal:
            await server.restore(backup_id)
        refusals.append(refusal.value)

    server.restorer.at, server.restorer.action = RestoreStep.RESTORE, try_another
    (data / "extra").write_bytes(b"x")
    blog.up()
    job_id = await server.restore(backup_id)
    job = await server.ended(job_id)
    await server.runner.stop()

    assert job.status is JobStatus.SUCCESS, job
    assert [refusal.details for refusal in refusals] == [{"existingJobId": job_id}]
    assert tree(data) == before
    assert [one.state for one in blog.containers("web")] == ["running"]


async def test_a_cancel_before_the_first_change_changes_nothing(
    bench: Bench, blog: Project, start: Start, data: Path
) -> None:
    server, backup_id = await start(), await bench.made(blog)
    (data / "extra").write_bytes(b"x")
    blog.up()
    (container,) = blog.containers("web")

    async def cancel() -> None:
        await server.runner.cancel((await server.jobs.store.unfinished())[0].id)

    server.restorer.at, server.restorer.action = RestoreStep.STOP, cancel
    job = await server.ended(await server.restore(backup_id))
    await server.runner.stop()

    terminated = job.summary["terminated"]
    assert isinstance(terminated, dict)
    assert (job.status, terminated["reason"]) == (JobStatus.FAILED, "cancelled")
    assert (data / "extra").exists()
    (after,) = blog.containers("web")
    assert (after.container_id, after.state) == (container.container_id, "running")
    assert await bench.store.held_containers() == []


async def test_a_cancel_after_the_first_change_has_no_effect(
    bench: Bench, blog: Project, start: Start, data: Path
) -> None:
    server, before, backup_id = await start(), tree(data), await bench.made(blog)
    (data / "extra").write_bytes(b"x")

    async def cancel() -> None:
        await server.runner.cancel((await server.jobs.store.unfinished())[0].id)

    server.restorer.at, server.restorer.action = RestoreStep.RESTORE, cancel
    job = await server.ended(await server.restore(backup_id))
    await server.runner.stop()

    assert job.status is JobStatus.SUCCESS, job
    assert tree(data) == before


async def test_a_restart_repeats_a_restore_even_if_it_was_cancelled(
    bench: Bench, blog: Project, start: Start, data: Path
) -> None:
    """The cancel comes after the first change. Without the repetition, the data would stay half restored."""
    server, before, backup_id = await start(), tree(data), await bench.made(blog)
    (data / "extra").write_bytes(b"x")
    blog.up()
    reached = asyncio.Event()

    async def stay() -> None:
        reached.set()
        await asyncio.Event().wait()

    server.restorer.at, server.restorer.action = RestoreStep.RESTORE, stay
    job_id = await server.restore(backup_id)
    await reached.wait()
    await server.runner.cancel(job_id)
    await server.runner.stop()
    assert [one.state for one in blog.containers("web")] == ["exited"]
    await bench.recovery.recover()
    assert [one.state for one in blog.containers("web")] == ["exited"]

    next_server = await start()
    job = await next_server.ended(job_id)
    await next_server.runner.stop()

    assert job.status is JobStatus.SUCCESS, job
    assert "restore starts again after an interruption" in await server.messages(job_id)
    assert tree(data) == before
    assert [one.state for one in blog.containers("web")] == ["running"]


async def test_a_failed_restore_names_the_containers_that_stay_stopped_and_the_remedy(
    bench: Bench, blog: Project, start: Start, data: Path
) -> None:
    server, before, backup_id = await start(), tree(data), await bench.made(blog)
    (data / "extra").write_bytes(b"x")
    blog.up()
    (container,) = blog.containers("web")

    async def fail() -> None:
        raise DockerError("the disk is full")

    server.restorer.at, server.restorer.action = RestoreStep.RESTORE, fail
    job = await server.ended(await server.restore(backup_id))

    error = (
        f"the disk is full; these containers stay stopped: {container.name};"
        f" run `dockrev backup restore {backup_id}` to restore again and start them"
    )
    assert (job.status, job.summary["error"]) == (JobStatus.FAILED, error)
    assert f"restore failed: {error}" in await server.messages(job.id)
    assert [one.state for one in blog.containers("web")] == ["exited"]

    repeated = await server.ended(await server.restore(backup_id))
    await server.runner.stop()
    assert repeated.status is JobStatus.SUCCESS, repeated
    assert tree(data) == before
    assert [one.state for one in blog.containers("web")] == ["running"]


async def test_a_damaged_archive_fails_the_job_before_any_change(
    bench: Bench, blog: Project, start: Start, data: Path
) -> None:
    server, backup_id = await start(), await bench.made(blog)
    (archive,) = bench.base_dir.rglob("*.tar.zst")
    archive.write_bytes(archive.read_bytes()[:-8])
    (data / "extra").write_bytes(b"x")
    blog.up()

    job = await server.ended(await server.restore(backup_id))
    await server.runner.stop()

    assert job.status is JobStatus.FAILED
    assert f"the archive {archive} " in str(job.summary["error"])
    assert (data / "extra").exists()
    assert [one.state for one in blog.containers("web")] == ["running"]
