"""`dockrev backup` on a real engine, without a server."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from dockrev.backups.models import BackupStatus
from dockrev.backups.store import BackupStore
from dockrev.clock import SystemClock
from dockrev.config.shared import DockerConfig
from dockrev.db.database import Database
from dockrev.db.lock import only_server
from dockrev.docker.engine import Engine
from dockrev.jobs.feed import LogFeed
from dockrev.jobs.models import BackupMode, JobFilter, JobStatus, JobTarget, NewJob, Reason, Scope
from dockrev.jobs.reservations import Reservations
from dockrev.jobs.store import JobStore
from dockrev.stacks.models import Service
from dockrev.stacks.store import StackStore
from tests.backups.bench import Bench, directory_of, volume
from tests.cli.command import Cli
from tests.e2e.api import until
from tests.stacks.building import observed
from tests.testbed.engine import Engine as RealEngine
from tests.testbed.images import Images
from tests.testbed.projects import Project, Projects

SERVICE = {"image": "backups/web:1", "volumes": ["data:/data", "cache:/cache"]}


@pytest.fixture
def cli(engine: RealEngine, tmp_path: Path) -> Cli:
    return Cli(tmp_path, engine.host)


@pytest.fixture
def blog(engine: RealEngine, projects: Projects, images: Images) -> Project:
    engine.load(images.build("web"), "backups/web:1")
    blog = projects.create("blog", {"web": SERVICE}, volumes={"data": {}, "cache": {}})
    blog.up()
    for name in ("data", "cache"):
        page(engine, blog, name).write_text("old")
    return blog


def page(engine: RealEngine, blog: Project, name: str) -> Path:
    return directory_of(engine, volume(blog, name)) / "page"


@asynccontextmanager
async def database_of(cli: Cli) -> AsyncIterator[Database]:
    """Opens the database that a server would use if it started in the same directory."""
    async with Database.open(cli.directory / "data" / "dockrev.sqlite3") as database:
        yield database


async def services(database: Database) -> Sequence[Service]:
    (stack,) = await StackStore(database, SystemClock()).all()
    return stack.services


@pytest.fixture
async def backup_id(cli: Cli, blog: Project, engine: RealEngine) -> str:
    return await backed_up(cli, blog, engine)


async def backed_up(cli: Cli, blog: Project, engine: RealEngine) -> str:
    async with database_of(cli) as database, Engine.open(DockerConfig(host=engine.host)) as client:
        stacks = StackStore(database, SystemClock())
        synced = await stacks.sync(observed(blog.name, web="backups/web:1"))
        stack = await stacks.get(synced.stack_id)
        bench = await Bench.prepare(client, database, SystemClock(), cli.directory / "backups")
        result = await bench.creator.create(None, stack, stack.services, BackupMode.INHERIT)
    assert result.status is BackupStatus.SUCCESS
    assert result.backup_id is not None
    return result.backup_id


async def test_the_list_shows_every_backup(cli: Cli, backup_id: str, blog: Project) -> None:
    as_table, as_json = await cli.run("backup", "list"), await cli.run("backup", "list", "--json")

    assert (as_table.code, as_json.code) == (0, 0)
    row = next(line for line in as_table.out.splitlines() if backup_id in line)
    assert all(text in row for text in (blog.name, "success", volume(blog, "data").source))
    (backup,) = as_json.document
    assert (backup["id"], backup["project"], backup["status"]) == (backup_id, blog.name, "success")
    assert {"kind": "docker-volume", "name": volume(blog, "cache").source} in backup["targets"]


async def test_a_missing_database_is_an_error_and_is_not_created(tmp_path: Path) -> None:
    result = await Cli(tmp_path, "unix:///nowhere/docker.sock").run("backup", "list")
    assert result.code == 2
    assert "there is no database" in result.err
    assert not (tmp_path / "data").exists()


async def test_verify_tells_a_sound_backup_from_a_damaged_one(
    cli: Cli, backup_id: str, blog: Project
) -> None:
    sound = await cli.run("backup", "verify", backup_id)
    assert sound.code == 0
    assert f"volume {volume(blog, 'data').source}: 2 entries, 3 B: sound" in sound.out

    (archive,) = (cli.directory / "backups").rglob("*.tar.zst")
    archive.write_bytes(archive.read_bytes()[:-8])
    damaged = await cli.run("backup", "verify", backup_id)
    assert damaged.code == 2
    assert f"the archive {archive} " in damaged.err


async def test_verify_live_lists_what_has_changed_since_the_backup(
    cli: Cli, backup_id: str, blog: Project, engine: RealEngine
) -> None:
    page(engine, blog, "data").write_text("newer")
    result = await cli.run("backup", "verify", backup_id, "--live")
    assert result.code == 0
    assert "now: /page differs in size" in result.out


async def test_restore_asks_first_and_changes_nothing_without_an_answer(
    cli: Cli, backup_id: str, blog: Project, engine: RealEngine
) -> None:
    page(engine, blog, "data").write_text("new")
    (running,) = blog.containers("web")

    result = await cli.run("backup", "restore", backup_id)

    assert result.code == 1
    assert f"volume {volume(blog, 'data').source}" in result.out
    assert running.name in result.out
    assert page(engine, blog, "data").read_text() == "new"
    assert [container.container_id for container in blog.containers("web")] == [running.container_id]


async def test_restore_restores_all_data_and_starts_the_containers_that_it_stopped(
    cli: Cli, backup_id: str, blog: Project, engine: RealEngine
) -> None:
    for name in ("data", "cache"):
        page(engine, blog, name).write_text("new")
    result = await cli.run("backup", "restore", backup_id, "--yes")

    assert (result.code, result.err) == (0, "")
    assert result.out.count("restored and read again") == 2
    assert [page(engine, blog, name).read_text() for name in ("data", "cache")] == ["old", "old"]
    assert [container.state for container in blog.containers("web")] == ["running"]


async def test_restore_can_be_limited_to_one_target(
    cli: Cli, backup_id: str, blog: Project, engine: RealEngine
) -> None:
    for name in ("data", "cache"):
        page(engine, blog, name).write_text("new")
    chosen = volume(blog, "data").source
    result = await cli.run("backup", "restore", backup_id, "--target", chosen, "--yes")
    assert result.code == 0
    assert [page(engine, blog, name).read_text() for name in ("data", "cache")] == ["old", "new"]

    unknown = await cli.run("backup", "restore", backup_id, "--target", "other", "--yes")
    assert unknown.code == 2
    assert "the backup does not hold other; it holds: " in unknown.err


async def test_an_unknown_backup_is_an_error(cli: Cli, backup_id: str) -> None:
    for command in ("verify", "restore"):
        result = await cli.run("backup", command, f"{backup_id}x")
        assert (result.code, result.err) == (2, f"dockrev: there is no backup {backup_id}x\n")


async def test_the_next_restore_first_finishes_one_that_was_killed(
    cli: Cli, blog: Project, engine: RealEngine
) -> None:
    """The kill hits while the container stops. After it no container runs, and no data is restored yet."""
    slow_to_stop = {**SERVICE, "stop_signal": "SIGWINCH", "stop_grace_period": "2s"}
    blog.configure({"web": slow_to_stop}, volumes={"data": {}, "cache": {}})
    blog.up()
    backup_id = await backed_up(cli, blog, engine)
    for name in ("data", "cache"):
        page(engine, blog, name).write_text("new")
    process = await cli.start("backup", "restore", backup_id, "--yes")
    async with database_of(cli) as database:
        await until(BackupStore(database, SystemClock()).held_containers, bool, look_again_seconds=0.02)
    process.kill()
    await process.wait()

    result = await cli.run("backup", "restore", backup_id)

    assert result.code == 1  # nobody confirms a second restore
    assert "Finishing the restore job_" in result.err
    assert [page(engine, blog, name).read_text() for name in ("data", "cache")] == ["old", "old"]
    assert [container.state for container in blog.containers("web")] == ["running"]
    async with database_of(cli) as database:
        assert await BackupStore(database, SystemClock()).held_containers() == []
        (job,) = await JobStore(database, LogFeed(), SystemClock()).page(JobFilter(), 10, None)
        await Reservations(database).require_free([service.id for service in await services(database)])
    assert (job.type, job.status) == ("restore", JobStatus.SUCCESS)


async def test_a_restore_first_finishes_an_interrupted_job_of_another_kind(
    cli: Cli, backup_id: str, blog: Project, engine: RealEngine
) -> None:
    """The interrupted update has reserved a service. The reservation ends with its job."""
    async with database_of(cli) as database:
        web = (await services(database))[0]
        job = NewJob("job_1", "update", JobTarget(Scope.ALL), "ivan", Reason.UI)
        await JobStore(database, LogFeed(), SystemClock()).start(
            job,
            None,
            in_transaction=lambda connection: Reservations(database).reserve(connection, "job_1", [web.id]),
        )
    page(engine, blog, "data").write_text("new")

    result = await cli.run("backup", "restore", backup_id, "--yes")

    assert result.code == 0, result
    assert "Finishing the update job_1, which was interrupted" in result.err
    assert page(engine, blog, "data").read_text() == "old"


async def test_restore_fails_when_the_database_is_in_use_but_no_server_answers(
    cli: Cli, backup_id: str, blog: Project, engine: RealEngine
) -> None:
    page(engine, blog, "data").write_text("new")
    with only_server(cli.directory / "data" / "dockrev.sqlite3"):
        result = await cli.run("backup", "restore", backup_id, "--yes", DOCKREV_HTTP_ADDR="127.0.0.1:1")
    assert result.code == 2
    assert "another Dockrev uses this database, but no server answers at http://127.0.0.1:1" in result.err
    assert page(engine, blog, "data").read_text() == "new"
