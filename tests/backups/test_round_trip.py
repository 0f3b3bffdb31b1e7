"""Backups on the real engine: what comes back is what was there."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from dockrev.backups.models import BackupStatus
from dockrev.config import DockerConfig
from dockrev.db.database import Database
from dockrev.docker.engine import Engine
from dockrev.errors import Conflict, DockerError
from tests.backups.bench import Bench, bind, directory_of, fill, stack_of, tree, volume, web
from tests.fakes.clock import MovableClock
from tests.testbed.engine import Engine as RealEngine
from tests.testbed.images import Images
from tests.testbed.projects import Project, Projects


@pytest.fixture
async def client(engine: RealEngine) -> AsyncIterator[Engine]:
    async with Engine.open(DockerConfig(host=engine.host)) as client:
        yield client


@pytest.fixture
async def bench(client: Engine, database: Database, clock: MovableClock, tmp_path: Path) -> Bench:
    return await Bench.prepare(client, database, clock, tmp_path / "backups")


@pytest.fixture
def blog(engine: RealEngine, projects: Projects, images: Images, tmp_path: Path) -> Project:
    """A volume, a directory and a single file, all of them with data; nothing runs."""
    engine.load(images.build("web", volumes=["/anonymous"]), "backups/web:1")
    uploads = tmp_path / "up loads"
    uploads.mkdir()
    (tmp_path / "settings.ini").write_text("a = 1\n")
    service = {
        "image": "backups/web:1",
        "volumes": ["data:/data", f"{uploads}:/uploads", f"{tmp_path}/settings.ini:/settings.ini"],
    }
    project = projects.create("blog", {"web": service}, volumes={"data": {}})
    project.compose("create")
    for target in (volume(project, "data"), bind(uploads)):
        fill(directory_of(engine, target))
    return project


def spoil(root: Path) -> None:
    """Of everything a little: content, modes, owners, kinds, and files that were not there."""
    (root / "plain.txt").write_bytes(b"overwritten, and longer than before\n")
    (root / "setuid").chmod(0o600)
    (root / "big").unlink()
    (root / "hidden").unlink()
    (root / "hidden").mkdir()
    (root / "hidden" / "inside").write_bytes(b"x")
    (root / "empty").rmdir()
    (root / "empty").write_bytes(b"a file now")
    (root / "relative").unlink()
    (root / "relative").symlink_to("/etc/passwd")
    (root / "a" / "b" / "twin").write_bytes(b"both changed")
    (root / "extra").write_bytes(b"x")
    (root / ".hidden extra").mkdir()
    (root / ".hidden extra" / "below").write_bytes(b"x")
    (root / "a" / "extra").write_bytes(b"x")
    root.chmod(0o711)
    os.chown(root, 5, 6)


async def test_everything_comes_back_as_it_was(
    bench: Bench, blog: Project, engine: RealEngine, tmp_path: Path
) -> None:
    settings = tmp_path / "settings.ini"
    roots = [directory_of(engine, one) for one in (volume(blog, "data"), bind(tmp_path / "up loads"))]
    before = [tree(root) for root in roots]
    holder = roots[1].parent.stat()
    backup_id = await bench.made(blog)
    for root in roots:
        spoil(root)
    settings.write_text("a = 2\n")
    assert [tree(root) for root in roots] != before

    restored = await bench.backups.restore(backup_id, stop_users=False)

    assert [tree(root) for root in roots] == before
    assert settings.read_text() == "a = 1\n"
    assert len(restored) == 4  # the anonymous volume of the image too
    assert roots[1].parent.stat().st_mode == holder.st_mode


async def test_one_target_comes_back_and_the_others_stay(
    bench: Bench, blog: Project, engine: RealEngine, tmp_path: Path
) -> None:
    data, uploads = (directory_of(engine, one) for one in (volume(blog, "data"), bind(tmp_path / "up loads")))
    before = tree(data)
    backup_id = await bench.made(blog)
    spoil(data)
    spoil(uploads)
    spoiled = tree(uploads)

    await bench.backups.restore(backup_id, [volume(blog, "data")], stop_users=False)

    assert tree(data) == before
    assert tree(uploads) == spoiled


async def test_the_backup_is_made_and_told_as_the_api_wants_it(
    bench: Bench, blog: Project, tmp_path: Path
) -> None:
    result = await bench.back_up(blog)

    document = result.as_json()
    assert result.artifact_path is not None
    archive = Path(result.artifact_path)
    assert document["status"] == "success"
    assert document["sizeBytes"] == archive.stat().st_size
    assert archive.parent == bench.base_dir / stack_of(blog).id
    assert archive.stat().st_mode & 0o777 == 0o600
    targets = document["targets"]
    assert isinstance(targets, list)
    data = next(one for one in targets if one["target"] == {"kind": "docker-volume", "name": f"{blog.name}_data"})
    assert data["status"] == "included"
    assert data["effective"] == "inherit"
    assert data["sizeBytes"] > 11 * 1024 * 1024
    assert {"kind": "bind-mount", "path": f"{tmp_path}/settings.ini"} in [one["target"] for one in targets]


async def test_nothing_is_left_on_the_engine(bench: Bench, blog: Project, engine: RealEngine) -> None:
    def volumes() -> set[str]:
        return {one["Name"] for one in engine.api.get("/volumes")["Volumes"]}

    before = volumes()
    backup_id = await bench.made(blog)
    await bench.backups.restore(backup_id, stop_users=False)

    assert {name for name in before if name.startswith(blog.name)} <= volumes()
    mounting = {"all": True, "filters": {"volume": [f"{blog.name}_data"]}}
    (only,) = engine.api.get("/containers/json", mounting)
    assert only["Labels"]["com.docker.compose.service"] == "web"


async def test_a_restore_refuses_while_containers_use_the_data(
    bench: Bench, blog: Project, engine: RealEngine
) -> None:
    data = directory_of(engine, volume(blog, "data"))
    backup_id = await bench.made(blog)
    spoil(data)
    spoiled = tree(data)
    blog.up()

    with pytest.raises(Conflict, match=f"running containers use this data: {blog.name}"):
        await bench.backups.restore(backup_id, stop_users=False)

    assert tree(data) == spoiled


async def test_users_are_stopped_for_a_restore_and_started_again(
    bench: Bench, blog: Project, engine: RealEngine
) -> None:
    data = directory_of(engine, volume(blog, "data"))
    before = tree(data)
    backup_id = await bench.made(blog)
    spoil(data)
    blog.up()
    (running,) = blog.containers("web")

    await bench.backups.restore(backup_id, stop_users=True)

    assert tree(data) == before
    (again,) = blog.containers("web")
    assert (again.container_id, again.state) == (running.container_id, "running")
    started = engine.api.get(f"/containers/{running.container_id}/json")["State"]["StartedAt"]
    assert started > engine.api.get(f"/containers/{running.container_id}/json")["Created"]


async def test_what_was_restored_into_is_what_the_container_sees(
    bench: Bench, blog: Project, engine: RealEngine
) -> None:
    backup_id = await bench.made(blog)
    await bench.backups.restore(backup_id, stop_users=False)
    blog.up()

    assert blog.compose("exec", "-T", "web", "cat", "/data/plain.txt", "/settings.ini") == "hello\na = 1\n"


async def test_a_symlinked_path_is_restored_where_it_leads(
    bench: Bench, projects: Projects, engine: RealEngine, images: Images, tmp_path: Path
) -> None:
    engine.load(images.build("web"), "backups/web:1")
    (tmp_path / "real").mkdir()
    fill(tmp_path / "real")
    (tmp_path / "link").symlink_to("real")
    blog = projects.create("blog", {"web": {"image": "backups/web:1", "volumes": [f"{tmp_path}/link:/data"]}})
    blog.compose("create")
    before = tree(tmp_path / "real")
    backup_id = await bench.made(blog)
    spoil(tmp_path / "real")

    await bench.backups.restore(backup_id, stop_users=False)

    assert tree(tmp_path / "real") == before
    assert (tmp_path / "link").is_symlink()


async def test_a_volume_that_is_gone_is_said_to_be(bench: Bench, blog: Project, engine: RealEngine) -> None:
    backup_id = await bench.made(blog)
    blog.down()

    with pytest.raises((Conflict, DockerError, Exception), match="does not exist"):
        await bench.backups.restore(backup_id, [volume(blog, "data")], stop_users=False)


async def test_data_of_a_running_container_is_copied_too(
    bench: Bench, blog: Project, engine: RealEngine
) -> None:
    blog.up()
    result = await bench.back_up(blog, web())
    assert result.status is BackupStatus.SUCCESS
    assert result.backup_id is not None
    verified = await bench.backups.verify(result.backup_id, live=True)
    assert all(one.deviations == () for one in verified)
