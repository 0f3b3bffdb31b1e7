"""A database that cannot be used: one line and exit code 2 at the start, 503 while the server runs.

When the fault is gone, the server works again.
"""

import asyncio
import os
import shutil
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.e2e.api import Api, Document, Refused, until
from tests.e2e.server_process import ServerProcess
from tests.e2e.volumes import NoMounts, Volume
from tests.fakes.host import FakeHost
from tests.fakes.registry import FakeRegistry


@pytest.fixture
def volume(tmp_path: Path) -> Iterator[Volume]:
    try:
        with Volume.mounted(tmp_path / "volume") as volume:
            yield volume
    except NoMounts as reason:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(f"no file systems can be mounted here: {reason}")


@pytest.fixture
async def server_on_volume(host: FakeHost, tmp_path: Path, volume: Volume) -> AsyncIterator[ServerProcess]:
    server = ServerProcess(
        tmp_path, host.docker_host, DOCKREV_DB_PATH=str(volume.directory / "dockrev.sqlite3")
    )
    yield server
    server.close()


async def refusal(server: ServerProcess) -> str:
    """The only line that a server prints when it refuses to start."""
    server.start()
    assert await server.ended() == 2
    output = server.logs().strip()
    assert output.startswith("dockrev: ")
    assert "\n" not in output, output
    return output


async def storage_refusal(api: Api, path: str) -> str:
    with pytest.raises(Refused) as refused:
        await api.post(path)
    assert (refused.value.status, refused.value.error["code"]) == (503, "storage_unavailable")
    message: str = refused.value.error["message"]
    return message


async def test_a_newer_schema_is_refused(server: ServerProcess) -> None:
    server.db_path.parent.mkdir(parents=True)
    with closing(sqlite3.connect(server.db_path)) as database, database:
        database.execute("CREATE TABLE alembic_version (version_num VARCHAR(32))")
        database.execute("INSERT INTO alembic_version VALUES ('9999')")
    before = server.db_path.read_bytes()
    assert "written by a newer Dockrev (schema 9999" in await refusal(server)
    assert server.db_path.read_bytes() == before


async def test_a_file_that_is_not_a_database_is_refused(server: ServerProcess) -> None:
    file = server.db_path
    file.parent.mkdir(parents=True)
    file.write_bytes(b"this is a letter to my aunt, not a database. " * 100)
    output = await refusal(server)
    assert "not an SQLite database" in output
    assert file.name in output


async def test_a_path_below_a_file_is_refused(host: FakeHost, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    server = ServerProcess(tmp_path, host.docker_host, DOCKREV_DB_PATH=str(tmp_path / "file" / "a.sqlite3"))
    assert "what should be its directory is a file" in await refusal(server)


async def test_a_directory_as_database_is_refused(server: ServerProcess) -> None:
    server.db_path.mkdir(parents=True)
    assert str(server.db_path) in await refusal(server)


async def test_a_locked_database_is_refused_at_start(server: ServerProcess) -> None:
    server.db_path.parent.mkdir()
    with closing(sqlite3.connect(server.db_path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        assert "another program holds its lock" in await refusal(server)
    await server.started()


async def test_a_read_only_directory_is_refused(server_on_volume: ServerProcess, volume: Volume) -> None:
    volume.make_read_only()
    assert "ead-only" in await refusal(server_on_volume)


async def test_a_database_that_became_read_only_is_refused(
    server_on_volume: ServerProcess, volume: Volume
) -> None:
    await server_on_volume.started()
    assert await server_on_volume.stop() == 0
    (server_on_volume.directory / "server.log").unlink()
    volume.make_read_only()
    assert "ead-only" in await refusal(server_on_volume)


async def test_a_full_disk_is_refused_at_start(server_on_volume: ServerProcess, volume: Volume) -> None:
    volume.fill()
    assert "disk is full" in await refusal(server_on_volume)
    volume.empty()
    await server_on_volume.started()


async def test_writes_fail_on_a_full_disk_and_work_again_when_there_is_space(
    server_on_volume: ServerProcess, volume: Volume, host: FakeHost, fake_registry: FakeRegistry
) -> None:
    server = server_on_volume
    fake_registry.push("app", "1")
    host.deploy("blog", {"web": f"{fake_registry.host}/app:1"})
    await server.started()
    async with server.api() as api:
        stack = await api.discovered("blog")
        await api.check()
        fake_registry.latency_seconds = 1.0
        running = await api.start_check()
        volume.fill()

        async def refused() -> str:
            """SQLite has some space in reserve, so the first writes may still succeed."""
            try:
                await api.post(f"/api/stacks/{stack['id']}/archive")
                await api.post(f"/api/stacks/{stack['id']}/restore")
            except Refused as error:
                return f"{error.status} {error.error}"
            return ""

        error = await until(refused, bool)
        assert error.startswith("503 ")
        assert "storage_unavailable" in error
        assert "the disk is full" in error
        await storage_refusal(api, "/api/discovery/scan")
        ready = await api.get("/api/ready")
        assert [
            part["part"] for part in ready["parts"] if not part["ok"] and "disk is full" in part["detail"]
        ]
        assert (await api.services("blog"))["web"]["candidate"]

        volume.empty()
        await server.ready()
        assert (await api.finished(running))["status"] in {"success", "failed"}
        assert await api.post(f"/api/stacks/{stack['id']}/restore") == {"ok": True}
        assert (await api.check())["status"] == "success"
        jobs = await jobs_of(api)
    assert {job["status"] for job in jobs} <= {"success", "failed"}
    assert await server.stop() == 0
    assert "Traceback" not in server.logs()


async def jobs_of(api: Api) -> list[Document]:
    jobs: list[Document] = (await api.get("/api/jobs?type=discovery"))["jobs"]
    return jobs


async def test_a_write_waits_for_the_lock_of_another_program_and_then_fails(
    server: ServerProcess, host: FakeHost, fake_registry: FakeRegistry
) -> None:
    fake_registry.push("app", "1")
    host.deploy("blog", {"web": f"{fake_registry.host}/app:1"})
    await server.started()
    async with server.api() as api:
        stack = await api.discovered("blog")
        path = f"/api/stacks/{stack['id']}/archive"
        with closing(sqlite3.connect(server.db_path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            assert "another program holds its lock" in await storage_refusal(api, path)
            assert (await api.listed("blog")) is not None
            other.execute("ROLLBACK")
        assert await api.post(path) == {"ok": True}
        with closing(sqlite3.connect(server.db_path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            async with asyncio.TaskGroup() as group:
                waiting = group.create_task(api.post(f"/api/stacks/{stack['id']}/restore"))
                await until(lambda: api.get("/api/version"), bool)
                other.execute("ROLLBACK")
            assert waiting.result() == {"ok": True}
    assert "Traceback" not in server.logs()


async def test_a_copied_database_works_in_another_place(
    server: ServerProcess, host: FakeHost, tmp_path: Path, fake_registry: FakeRegistry
) -> None:
    fake_registry.push("app", "1")
    host.deploy("blog", {"web": f"{fake_registry.host}/app:1"})
    await server.started()
    async with server.api() as api:
        await api.discovered("blog")
        await api.check()
        stack = await api.stack("blog")
    assert await server.stop() == 0
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    shutil.copy(server.db_path, elsewhere)
    moved = ServerProcess(elsewhere, host.docker_host, DOCKREV_DB_PATH=str(elsewhere / server.db_path.name))
    moved.start()
    try:
        await moved.ready()
        async with moved.api() as api:
            assert await api.stack("blog") == stack
    finally:
        moved.close()


async def test_damaged_rows_about_versions_do_not_affect_other_repositories(
    server: ServerProcess, host: FakeHost, fake_registry: FakeRegistry
) -> None:
    for repository in ("app", "db"):
        old, new = (fake_registry.push(repository, tag) for tag in ("1.4.0", "1.5.1"))
        fake_registry.retag(repository, "latest", new)
        host.deploy(f"a-{repository}", {"web": f"{fake_registry.host}/{repository}:latest"})
        host.engine.images[-1].repo_digests = (f"{fake_registry.host}/{repository}@{old}",)
    await server.started()
    async with server.api() as api:
        await api.discovered("a-app")
        await api.check()
        await until(lambda: versions_of(api), all_known)
        with closing(sqlite3.connect(server.db_path)) as other, other:
            app = f"{fake_registry.host}/app"
            for statement in (
                "UPDATE tag_facts SET children = '{not' WHERE repository = ? AND tag = '1.4.0'",
                "UPDATE repository_tags SET names = 'null' WHERE repository = ?",
                "INSERT INTO inference_tasks"
                " (repository, digest, platform, reason, status, enqueued_at, updated_at, attempts)"
                " SELECT repository, digest, platform, 'whim', 'queued', 'now', 'now', 0"
                " FROM digest_snapshots WHERE repository = ? LIMIT 1",
                "UPDATE digest_snapshots SET tags = '[1]' WHERE repository = ?",
            ):
                assert other.execute(statement, [app]).rowcount
            other.execute("UPDATE retention_runs SET ran_at = 'yesterday'")
        (row,) = (await api.get("/api/version-inference/overview?q=/db"))["rows"]
        assert row["status"] == "ready"
        assert (await versions_of(api))["a-db"] == ["1.4.0", "1.5.1"]
        await until(lambda: versions_of(api), all_known)
    assert await server.stop() == 0
    with closing(sqlite3.connect(server.db_path)) as other, other:
        other.execute("UPDATE inference_tasks SET status = 'lost'")
        other.execute("UPDATE tag_facts SET digest = 'xyz' WHERE tag = 'latest'")
        other.execute("UPDATE registry_spend SET hour = 'yesterday'")
    await server.started()
    async with server.api() as api:
        await until(lambda: versions_of(api), all_known)
        service = (await api.services("a-app"))["web"]
        live = await api.get(
            f"/api/services/{service['id']}/digest-tags?digest={service['candidate']['digest']}"
        )
        assert live["tags"] == ["1.5.1", "latest"]
    assert await server.stop() == 0
    logs = server.logs()
    assert "Traceback" not in logs
    for table in ("tag_facts", "repository_tags", "inference_tasks", "digest_snapshots", "registry_spend"):
        assert table in logs


async def versions_of(api: Api) -> dict[str, list[str | None]]:
    """The running version and that of the candidate, by project."""
    services = {project: (await api.services(project))["web"] for project in ("a-app", "a-db")}
    return {
        project: [part.get("resolvedTag") for part in (web["image"], web.get("candidate", {}))]
        for project, web in services.items()
    }


def all_known(versions: dict[str, list[str | None]]) -> bool:
    return set(map(tuple, versions.values())) == {("1.4.0", "1.5.1")}
