"""Whatever fails while data is copied, no incomplete archive stays, and every container is released."""

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from dockrev.backups.models import BackupStatus, DataProgress, RecordStatus, TargetSkipReason
from dockrev.config.shared import DockerConfig
from dockrev.db.database import Database
from dockrev.docker.engine import Engine
from tests.backups.bench import Bench, bind, directory_of, fill, volume
from tests.e2e.volumes import Volume
from tests.fakes.clock import MovableClock
from tests.soak import soak
from tests.testbed.bed import Bed
from tests.testbed.engine import Engine as RealEngine
from tests.testbed.images import Images
from tests.testbed.projects import Project, Projects

STATES = {"live": "running", "pause": "paused", "stop": "exited"}


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Volume]:
    with Volume.mounted(tmp_path / "disk", megabytes=48) as disk:
        yield disk


@pytest.fixture
async def small(client: Engine, database: Database, clock: MovableClock, disk: Volume) -> Bench:
    """A bench with its backups on a small disk."""
    return await Bench.prepare(client, database, clock, disk.directory / "backups")


@pytest.mark.parametrize("mode", STATES)
async def test_containers_are_held_while_their_data_is_read_and_released_afterwards(
    bench: Bench, blog: Project, mode: str
) -> None:
    blog.up()
    (before,) = blog.containers("web")
    await bench.change(mode=mode)
    seen: set[str] = set()

    def look(_: object) -> None:
        seen.update(one.state for one in blog.containers("web"))

    result = await bench.back_up(blog, on_progress=look)

    assert result.status is BackupStatus.SUCCESS
    assert seen == {STATES[mode]}
    (after,) = blog.containers("web")
    assert (after.container_id, after.state) == (before.container_id, "running")
    assert await bench.store.held_containers() == []


async def test_only_containers_that_can_write_to_the_data_are_held(
    bench: Bench, projects: Projects, engine: RealEngine, images: Images
) -> None:
    engine.load(images.build("web"), "backups/web:1")
    services = {
        name: {"image": "backups/web:1", "volumes": mounts}
        for name, mounts in {
            "web": ["data:/data"],
            "worker": ["data:/d"],
            "reader": ["data:/d:ro"],
            "other": [],
        }.items()
    }
    blog = projects.create("blog", services, volumes={"data": {}})
    blog.up()
    fill(directory_of(engine, volume(blog, "data")))
    await bench.change(mode="pause")
    seen: dict[str, str] = {}

    def look(_: object) -> None:
        seen.update({one.service: one.state for one in blog.containers()})

    await bench.back_up(blog, on_progress=look)

    assert seen == {"web": "paused", "worker": "paused", "reader": "running", "other": "running"}
    assert {one.state for one in blog.containers()} == {"running"}


async def test_a_container_that_somebody_else_paused_stays_paused(bench: Bench, blog: Project) -> None:
    blog.up()
    blog.compose("pause", "web")
    await bench.change(mode="pause")

    assert (await bench.back_up(blog)).status is BackupStatus.SUCCESS

    assert [one.state for one in blog.containers("web")] == ["paused"]


async def test_a_disk_without_space_fails_the_backup_before_anything_is_written(
    small: Bench, blog: Project, disk: Volume
) -> None:
    with (disk.directory / "filler").open("wb") as filler:
        filler.write(bytes(30 * 1024 * 1024))

    result = await small.back_up(blog)

    assert result.status is BackupStatus.FAILED
    assert "there is not enough free space" in (result.error or "")
    assert result.as_json().keys() == {"status", "error"}
    assert small.files() == []
    assert await small.store.all() == []


@pytest.mark.parametrize("mode", [soak("live"), soak("pause"), "stop"])
async def test_a_disk_that_becomes_full_leaves_no_archive(
    small: Bench, blog: Project, disk: Volume, mode: str
) -> None:
    blog.up()
    await small.change(mode=mode)

    result = await small.back_up(blog, on_progress=lambda _: disk.fill())

    assert result.status is BackupStatus.FAILED
    assert "No space left" in (result.error or "")
    assert small.files() == []
    assert [one.status for one in await small.store.all()] == [RecordStatus.FAILED]
    assert [one.state for one in blog.containers("web")] == ["running"]


@pytest.mark.parametrize("mode", [soak("live"), "pause", soak("stop")])
async def test_a_cancelled_backup_leaves_no_archive(bench: Bench, blog: Project, mode: str) -> None:
    blog.up()
    await bench.change(mode=mode)
    begun = asyncio.Event()

    async with asyncio.TaskGroup() as group:
        backing_up = group.create_task(bench.back_up(blog, on_progress=lambda _: begun.set()))
        await begun.wait()
        backing_up.cancel()

    assert backing_up.cancelled()
    assert bench.files() == []
    (record,) = await bench.store.all()
    assert (record.status, record.error) == (RecordStatus.FAILED, "cancelled")
    assert [one.state for one in blog.containers("web")] == ["running"]
    assert await bench.store.held_containers() == []


async def test_an_engine_that_dies_during_a_backup_leaves_no_archive(
    bed: Bed, private_engine: RealEngine, database: Database, clock: MovableClock, tmp_path: Path
) -> None:
    private_engine.load(bed.images.build("web"), "backups/web:1")
    projects = Projects(private_engine, tmp_path / "projects", bed.docker_config)
    blog = projects.create(
        "blog", {"web": {"image": "backups/web:1", "volumes": ["data:/data"]}}, volumes={"data": {}}
    )
    blog.compose("create")
    fill(directory_of(private_engine, volume(blog, "data")))
    async with Engine.open(DockerConfig(host=private_engine.host)) as client:
        bench = await Bench.prepare(client, database, clock, tmp_path / "backups")
        result = await bench.back_up(blog, on_progress=lambda _: private_engine.kill())

    assert result.status is BackupStatus.FAILED
    assert bench.files() == []
    assert [one.status for one in await bench.store.all()] == [RecordStatus.FAILED]


async def test_data_that_cannot_be_read_fails_the_backup_when_it_is_required(
    bench: Bench, blog: Project, tmp_path: Path
) -> None:
    (tmp_path / "settings.ini").unlink()

    result = await bench.back_up(blog)

    assert result.status is BackupStatus.FAILED
    assert f"path {tmp_path}/settings.ini cannot be read" in (result.error or "")
    assert bench.files() == []


async def test_data_that_cannot_be_read_is_skipped_and_named_when_no_backup_is_required(
    bench: Bench, blog: Project, tmp_path: Path
) -> None:
    (tmp_path / "settings.ini").unlink()
    await bench.change(require_success=False)

    result = await bench.back_up(blog)

    (missing,) = [one for one in result.targets if one.skipped]
    assert result.status is BackupStatus.SUCCESS
    assert (missing.target, missing.skipped) == (
        bind(tmp_path / "settings.ini"),
        TargetSkipReason.PROBE_ERROR,
    )
    assert missing.error


async def test_a_container_that_cannot_be_started_again_is_reported_and_retried_at_start(
    bench: Bench, blog: Project, tmp_path: Path
) -> None:
    blog.up()
    (container,) = blog.containers("web")
    await bench.change(mode="stop")
    settings, hidden = tmp_path / "settings.ini", tmp_path / "hidden.ini"

    def hide(progress: DataProgress) -> None:
        if progress.activity == f"backing up {volume(blog, 'data')}" and not hidden.exists():
            settings.rename(hidden)

    result = await bench.back_up(blog, on_progress=hide)
    assert result.status is BackupStatus.FAILED
    assert f"container {container.name} is still stopped" in (result.error or "")
    assert bench.files() == []

    with suppress(FileNotFoundError):
        settings.rmdir()  # some engines create a directory in place of a missing file
    hidden.rename(settings)
    await bench.recovery.recover()

    assert [one.state for one in blog.containers("web")] == ["running"]
    assert await bench.store.held_containers() == []
