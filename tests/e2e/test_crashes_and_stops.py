"""After a crash or a stop of the server, every job ends and nobody has to clean up by hand."""

import asyncio
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from tests.e2e.api import Api, Document, until
from tests.e2e.server_process import ServerProcess
from tests.fakes.host import FakeHost
from tests.fakes.registry import FakeRegistry
from tests.soak import soak

VERY_LONG = 600.0


async def start_check_that_hangs(api: Api, registry: FakeRegistry) -> str:
    """Starts a check whose registry does not answer. Returns when the check waits for it."""
    registry.fail("app").slow_seconds = VERY_LONG
    job_id = await api.start_check()
    async with asyncio.timeout(20), api.stream(f"/api/jobs/{job_id}/events") as events:
        async for event in events:
            if event.kind == "job_progress" and event.data["phase"] == "scanning":
                return job_id
    raise AssertionError("the check ended")


async def deploy(host: FakeHost, registry: FakeRegistry, api: Api) -> None:
    registry.push("app", "1")
    host.deploy("blog", {"web": f"{registry.host}/app:1"})
    await api.post("/api/discovery/scan")
    await api.discovered("blog")


def terminated_by(job: Document) -> str | None:
    reason: str | None = job["summary"].get("terminated", {}).get("reason")
    return reason


async def test_a_check_that_was_killed_ends_as_failed_at_the_next_start(
    server: ServerProcess, host: FakeHost, fake_registry: FakeRegistry
) -> None:
    await server.started()
    async with server.api() as api:
        await deploy(host, fake_registry, api)
        job_id = await start_check_that_hangs(api, fake_registry)
        last_id = (await api.job(job_id))["logsLastId"]
    server.kill()

    fake_registry.heal()
    await server.started()
    async with server.api() as api:
        job = await api.job(job_id)
        assert (job["status"], terminated_by(job)) == ("failed", "server_restart")
        assert job["finishedAt"] >= job["startedAt"]
        events = await api.events_of(job_id, last_id)
        assert events[-1].kind == "job_finished"
        assert events[-1].data["status"] == "failed"

        new = await api.check()
        web = (await api.services("blog"))["web"]
    assert (new["status"], new["summary"]["servicesWithCandidate"]) == ("success", 1)
    assert web["candidate"]["tag"] == "1"
    assert "Traceback" not in server.logs()


async def test_an_upgrade_ends_or_resumes_the_jobs_of_a_release_with_workflows(
    server: ServerProcess, host: FakeHost, fake_registry: FakeRegistry
) -> None:
    """That release had a second database file. Everything needed from it is in our own table, too."""
    await server.started()
    async with server.api() as api:
        await deploy(host, fake_registry, api)
        check = await start_check_that_hangs(api, fake_registry)
    server.kill()
    fake_registry.heal()
    with closing(sqlite3.connect(server.db_path)) as database, database:
        database.execute(
            "INSERT INTO jobs (id, type, scope, status, created_by, reason, created_at, started_at,"
            " allow_arch_mismatch, backup_mode, summary) SELECT 'job_old', 'update', scope, 'running',"
            " created_by, reason, created_at, started_at, 0, 'inherit', '{}' FROM jobs WHERE id = ?",
            [check],
        )
    old = server.db_path.with_suffix(".workflows.sqlite3")
    with closing(sqlite3.connect(old)) as database:
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("CREATE TABLE workflow_status (workflow_uuid TEXT, status TEXT)")
        await server.started()

    async with server.api() as api:
        assert terminated_by(await api.job(check)) == "server_restart"
        resumed = await api.finished("job_old")
        assert resumed["summary"]["error"] == "the job has no update plan", "its handler ran again"
        assert (await api.check())["status"] == "success"
    assert list(server.db_path.parent.glob("*.workflows*")) == []
    assert "Traceback" not in server.logs()


@pytest.mark.parametrize("by_link", [False, soak(True)])
async def test_a_second_server_refuses_to_start_and_ends_no_job_of_the_first(
    server: ServerProcess, host: FakeHost, fake_registry: FakeRegistry, tmp_path: Path, by_link: bool
) -> None:
    await server.started()
    async with server.api() as api:
        await deploy(host, fake_registry, api)
        job_id = await start_check_that_hangs(api, fake_registry)
        (tmp_path / "second").mkdir()
        path = server.db_path
        if by_link:
            path = tmp_path / "second" / "link.sqlite3"
            path.symlink_to(server.db_path)
        second = ServerProcess(tmp_path / "second", host.docker_host, DOCKREV_DB_PATH=str(path))
        second.start(preloaded=False)
        assert await second.ended() != 0
        assert "another Dockrev server uses it; stop it, or set another DOCKREV_DB_PATH" in second.logs()
        assert "Traceback" not in second.logs()

        job = await api.finished(job_id)
        assert terminated_by(job) is None, "the check ends by itself when its request times out"
        fake_registry.heal()
        assert (await api.check())["status"] == "success"


async def test_kills_at_any_time_leave_no_unfinished_job_and_an_intact_database(
    server: ServerProcess, host: FakeHost, fake_registry: FakeRegistry
) -> None:
    await server.started()
    async with server.api() as api:
        await deploy(host, fake_registry, api)
    fake_registry.latency_seconds = 0.02
    started = []
    for delay in (0.0, 0.01, 0.04, 0.12):
        async with server.api() as api:
            started.append(await api.start_check())
            await asyncio.sleep(delay)
        server.kill()
        await server.started()
    async with server.api() as api:
        jobs = (await api.get("/api/jobs?type=check"))["jobs"]
        ended = await api.check()
    assert {job["id"] for job in jobs} == set(started)
    assert {job["status"] for job in jobs} <= {"failed", "success"}
    assert ended["status"] == "success"
    assert await server.stop() == 0
    with closing(sqlite3.connect(server.db_path)) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)


@pytest.mark.parametrize("file", ["dockrev.sqlite3", soak("dockrev.sqlite3-wal")])
async def test_the_second_start_completes_a_first_start_that_was_killed(
    server: ServerProcess, file: str
) -> None:
    """The kill comes as soon as the file exists: while the migrations create the tables, or just after."""
    path = server.db_path.with_name(file)

    async def exists() -> bool:
        return path.exists()

    server.start()
    await until(exists, bool, look_again_seconds=0.002)
    server.kill()
    await server.started()
    async with server.api() as api:
        assert (await api.check())["status"] == "success"


async def test_a_stop_during_a_check_is_quick_and_is_the_reason_in_the_job(
    server: ServerProcess, host: FakeHost, fake_registry: FakeRegistry
) -> None:
    await server.started()
    async with server.api() as api:
        await deploy(host, fake_registry, api)
        job_id = await start_check_that_hangs(api, fake_registry)
        async with api.stream("/api/jobs/events"), api.stream(f"/api/jobs/{job_id}/events"):
            stopping_since = time.monotonic()
            assert await server.stop() == 0
            assert time.monotonic() - stopping_since < 8

    fake_registry.heal()
    await server.started()
    async with server.api() as api:
        job = await api.job(job_id)
        assert (job["status"], terminated_by(job)) == ("failed", "server_shutdown")
        assert (await api.check())["status"] == "success"
    assert "Traceback" not in server.logs()


async def test_a_stop_ends_the_event_streams_without_an_error(server: ServerProcess) -> None:
    await server.started()
    async with server.api() as api, api.stream("/api/jobs/events") as events:
        server.terminate()
        async with asyncio.timeout(8):
            kinds = [event.kind async for event in events]
        assert set(kinds) <= {"job_event"}, "only events of the first runtime scan, and no error"
        assert await server.ended() == 0


async def test_results_survive_a_restart(
    server: ServerProcess, host: FakeHost, fake_registry: FakeRegistry
) -> None:
    await server.started()
    async with server.api() as api:
        await deploy(host, fake_registry, api)
        await api.check()
        before = await api.stack("blog")
    server.kill()
    await server.started()
    async with server.api() as api:
        assert await api.stack("blog") == before
