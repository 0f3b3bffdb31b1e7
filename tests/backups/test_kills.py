"""A process is killed during a backup or a restore, and the next start cleans up."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from dockrev.background import every
from dockrev.backups.manifest import Head
from dockrev.backups.models import HeldContainer, RecordStatus
from dockrev.backups.settings import HoldMode
from dockrev.config.shared import DockerConfig
from dockrev.db.database import Database
from dockrev.docker.engine import Engine
from dockrev.hosts.local import LOCAL
from tests.backups.bench import Bench, directory_of, tree, volume
from tests.backups.doomed import AT_WORK
from tests.fakes.clock import MovableClock
from tests.soak import soak
from tests.testbed.bed import Bed
from tests.testbed.engine import Engine as RealEngine
from tests.testbed.projects import Project, Projects

ROOT = Path(__file__).parents[2]


@asynccontextmanager
async def killed(
    engine: RealEngine, database: Database, bench: Bench, what: str, subject: str, mode: str
) -> AsyncIterator[None]:
    """Starts the process and runs the block while it is at work. Then kills it."""
    arguments = (engine.host, str(database.path), str(bench.base_dir), what, subject, mode)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.backups.doomed", *arguments, cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(60):
            while AT_WORK not in (line := (await process.stdout.readline()).decode()):
                assert line, "the process ended by itself"
        yield
    finally:
        process.kill()
        await process.communicate()


def helpers(engine: RealEngine, project: Project) -> list[str]:
    containers = engine.api.get(
        "/containers/json", {"all": True, "filters": {"label": ["dockrev.helper=true"]}}
    )
    return [
        each["Id"]
        for each in containers
        if any(project.name in mount.get("Name", "") for mount in each["Mounts"])
    ]


@pytest.mark.parametrize(
    ("mode", "state"), [soak("live", "running"), ("pause", "paused"), ("stop", "exited")]
)
async def test_a_killed_backup_is_removed_and_its_containers_are_released(
    bench: Bench, blog: Project, engine: RealEngine, database: Database, mode: str, state: str
) -> None:
    blog.up()
    async with killed(engine, database, bench, "back_up", blog.name, mode):
        assert [one.state for one in blog.containers("web")] == [state]
        assert [name.endswith(".partial") for name in bench.files()] == [True, True]

    await bench.recovery.recover()

    assert [one.state for one in blog.containers("web")] == ["running"]
    assert bench.files() == []
    (record,) = await bench.store.all()
    cause = "the server stopped before the backup was complete"
    assert (record.status, record.error) == (RecordStatus.FAILED, cause)
    assert helpers(engine, blog) == []


async def test_a_killed_restore_leaves_its_containers_stopped_until_a_restore_succeeds(
    bench: Bench, blog: Project, engine: RealEngine, database: Database
) -> None:
    data = directory_of(engine, volume(blog, "data"))
    before = tree(data)
    backup_id = await bench.made(blog)
    (data / "extra").write_bytes(b"x")
    blog.up()
    async with killed(engine, database, bench, "restore", backup_id, "live"):
        pass

    await bench.recovery.recover()
    assert [one.state for one in blog.containers("web")] == ["exited"]
    assert helpers(engine, blog) == []

    await bench.restorer.restore(backup_id, stop_containers=False)
    assert [one.state for one in blog.containers("web")] == ["running"]
    assert tree(data) == before
    assert await bench.store.held_containers() == []


async def test_containers_are_released_later_when_the_engine_is_away_at_start(
    bed: Bed, private_engine: RealEngine, database: Database, clock: MovableClock, tmp_path: Path
) -> None:
    private_engine.load(bed.images.build("web"), "backups/web:1")
    projects = Projects(private_engine, tmp_path / "projects", bed.docker_config)
    blog = projects.create("blog", {"web": {"image": "backups/web:1"}})
    blog.up()
    blog.stop("web")
    (held,) = blog.containers("web")
    async with Engine.open(DockerConfig(host=private_engine.host)) as client:
        bench = await Bench.prepare(client, database, clock, tmp_path / "backups")
        await bench.store.begin(Head("bkp_1", None, "stk_1", blog.name, clock.now(), ()), "/nowhere/x", [])
        await bench.store.record_hold(
            "bkp_1", HeldContainer(LOCAL, held.container_id, held.name, HoldMode.STOP)
        )
        await asyncio.to_thread(private_engine.stop)
        await bench.recovery.recover()
        await asyncio.to_thread(private_engine.start)
        assert await bench.store.held_containers() != []

        async with asyncio.TaskGroup() as group:
            background = group.create_task(every("held containers", 0.2, bench.recovery.release_rest))
            await asyncio.to_thread(blog.until, "web", lambda one: one.state == "running")
            background.cancel()

    assert [one.state for one in blog.containers("web")] == ["running"]
