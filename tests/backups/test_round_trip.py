"""Backups and restores on the real engine: a restore brings back what was there."""

import json
import os
import secrets
from dataclasses import replace
from pathlib import Path

import pytest

from dockrev.backups.manifest import ArchivedTarget, Differences
from dockrev.backups.models import BackupSkipReason, BackupStatus, TargetSkipReason
from dockrev.backups.restore import WRITE_AGAIN, BackupRestorer
from dockrev.backups.settings import BackupSettings
from dockrev.backups.verify import BackupVerification
from dockrev.config.shared import DockerConfig
from dockrev.db.database import Database
from dockrev.docker.engine import Engine
from dockrev.errors import BackupError, Conflict
from dockrev.jobs.models import BackupMode
from dockrev.stacks.models import BackupChoice
from tests.backups.bench import Bench, bind, directory_of, fill, stack_of, status_of, tree, volume, web
from tests.e2e.volumes import Volume
from tests.fakes.clock import MovableClock
from tests.hosts.building import host_of
from tests.testbed.bed import Bed
from tests.testbed.engine import Engine as RealEngine
from tests.testbed.images import Image, Images
from tests.testbed.layers import pack
from tests.testbed.projects import Project, Projects


def rebuilt(image: Image) -> Image:
    """The image with a configuration that names its layers."""
    config = json.loads(image.config)
    config["rootfs"]["diff_ids"] = [layer.diff_id for layer in image.layers]
    config["history"] = config["history"][: len(image.layers)]
    return replace(image, config=json.dumps(config, sort_keys=True).encode())


def spoil(root: Path) -> None:
    """Changes content, modes, owners and types, and adds files."""
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


async def test_a_restore_brings_everything_back(
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

    restored = await bench.restorer.restore(backup_id, stop_containers=False)

    assert [tree(root) for root in roots] == before
    assert settings.read_text() == "a = 1\n"
    assert len(restored) == 4  # one of them is the anonymous volume of the image
    assert roots[1].parent.stat().st_mode == holder.st_mode


async def test_data_that_differs_from_the_archive_is_written_again(
    bench: Bench, client: Engine, blog: Project, engine: RealEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = directory_of(engine, volume(blog, "data"))
    before = tree(data)
    backup_id = await bench.made(blog)
    compare, comparisons = BackupVerification.differences, 0

    async def spoil_once(
        verification: BackupVerification, path: Path, archived: ArchivedTarget, image_id: str
    ) -> Differences:
        nonlocal comparisons
        comparisons += 1
        if comparisons == 1:
            spoil(data)
        return await compare(verification, path, archived, image_id)

    monkeypatch.setattr(BackupVerification, "differences", spoil_once)
    restorer = BackupRestorer(host_of(client), bench.store, replace(WRITE_AGAIN, pauses=(0.0,)))
    await restorer.restore(backup_id, [volume(blog, "data")], stop_containers=False)
    assert tree(data) == before
    assert comparisons == 2


async def test_a_restore_of_one_target_leaves_the_others(
    bench: Bench, blog: Project, engine: RealEngine, tmp_path: Path
) -> None:
    data, uploads = (directory_of(engine, one) for one in (volume(blog, "data"), bind(tmp_path / "up loads")))
    before = tree(data)
    backup_id = await bench.made(blog)
    spoil(data)
    spoil(uploads)
    spoiled = tree(uploads)

    await bench.restorer.restore(backup_id, [volume(blog, "data")], stop_containers=False)

    assert tree(data) == before
    assert tree(uploads) == spoiled


async def test_the_result_has_the_form_of_the_api(bench: Bench, blog: Project, tmp_path: Path) -> None:
    result = await bench.back_up(blog)

    document = result.as_json()
    assert result.artifact_path is not None
    archive, status = Path(result.artifact_path), status_of(result.artifact_path)
    assert document["status"] == "success"
    assert document["sizeBytes"] == status.st_size
    assert archive.parent == bench.base_dir / stack_of(blog).id
    assert status.st_mode & 0o777 == 0o600
    targets = document["targets"]
    assert isinstance(targets, list)
    data = next(
        one for one in targets if one["target"] == {"kind": "docker-volume", "name": f"{blog.name}_data"}
    )
    assert data["status"] == "included"
    assert data["effective"] == "inherit"
    assert data["sizeBytes"] > 11 * 1024 * 1024
    assert {"kind": "bind-mount", "path": f"{tmp_path}/settings.ini"} in [one["target"] for one in targets]


async def test_nothing_is_left_on_the_engine(bench: Bench, blog: Project, engine: RealEngine) -> None:
    def volumes() -> set[str]:
        return {one["Name"] for one in engine.api.get("/volumes")["Volumes"]}

    before = volumes()
    backup_id = await bench.made(blog)
    await bench.restorer.restore(backup_id, stop_containers=False)

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
        await bench.restorer.restore(backup_id, stop_containers=False)

    assert tree(data) == spoiled


async def test_containers_that_use_the_data_are_stopped_for_a_restore_and_started_again(
    bench: Bench, blog: Project, engine: RealEngine
) -> None:
    data = directory_of(engine, volume(blog, "data"))
    before = tree(data)
    backup_id = await bench.made(blog)
    spoil(data)
    blog.up()
    (running,) = blog.containers("web")

    await bench.restorer.restore(backup_id, stop_containers=True)

    assert tree(data) == before
    (again,) = blog.containers("web")
    assert (again.container_id, again.state) == (running.container_id, "running")
    started = engine.api.get(f"/containers/{running.container_id}/json")["State"]["StartedAt"]
    assert started > engine.api.get(f"/containers/{running.container_id}/json")["Created"]


async def test_containers_see_the_restored_data(bench: Bench, blog: Project, engine: RealEngine) -> None:
    backup_id = await bench.made(blog)
    await bench.restorer.restore(backup_id, stop_containers=False)
    blog.up()

    assert blog.compose("exec", "-T", "web", "cat", "/data/plain.txt", "/settings.ini") == "hello\na = 1\n"


async def test_a_symlinked_path_is_restored_at_its_destination(
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

    await bench.restorer.restore(backup_id, stop_containers=False)

    assert tree(tmp_path / "real") == before
    assert (tmp_path / "link").is_symlink()


async def test_a_missing_volume_is_named_in_the_error(
    bench: Bench, blog: Project, engine: RealEngine
) -> None:
    backup_id = await bench.made(blog)
    blog.down()

    with pytest.raises(BackupError, match=f"volume {blog.name}_data does not exist"):
        await bench.restorer.restore(backup_id, [volume(blog, "data")], stop_containers=False)


async def test_data_of_a_running_container_is_copied_too(
    bench: Bench, blog: Project, engine: RealEngine
) -> None:
    blog.up()
    verified = await bench.verification.verify(await bench.made(blog), live=True)
    assert [one.differences for one in verified] == [(), (), (), ()]


async def test_verify_lists_what_has_changed_since(bench: Bench, blog: Project, engine: RealEngine) -> None:
    data = directory_of(engine, volume(blog, "data"))
    backup_id = await bench.made(blog)
    (data / "extra").write_bytes(b"x")
    (data / "plain.txt").chmod(0o600)
    (data / "big").unlink()

    (changed,) = [one for one in await bench.verification.verify(backup_id, live=True) if one.differences]

    assert changed.target == volume(blog, "data")
    assert changed.differences is not None
    assert changed.differences == (
        "/big is missing",
        "/extra is not in the backup",
        "/ differs in mtime",
        "/plain.txt differs in mode",
    )


@pytest.mark.parametrize("choice", [BackupChoice.INHERIT, BackupChoice.FORCE])
async def test_big_data_is_skipped_unless_forced(bench: Bench, blog: Project, choice: BackupChoice) -> None:
    await bench.settings.save(
        BackupSettings(base_dir=str(bench.base_dir), skip_targets_over_bytes=1_000_000), changed_by="test"
    )
    result = await bench.back_up(blog, web(volumes={volume(blog, "data").source: choice}))

    results = {one.target: one for one in result.targets}
    data = results[volume(blog, "data")]
    assert result.status is BackupStatus.SUCCESS
    assert data.skipped is (TargetSkipReason.BY_SIZE if choice is BackupChoice.INHERIT else None)
    assert (data.size_bytes or 0) > 1_000_000


async def test_no_backup_is_made_without_data_or_consent(
    bench: Bench, blog: Project, projects: Projects, tmp_path: Path
) -> None:
    bare = projects.create("bare", {"web": {"image": "backups/plain:1"}})
    unwanted = web(
        {volume(blog, "data").source: BackupChoice.SKIP},
        {str(tmp_path / "up loads"): BackupChoice.SKIP, str(tmp_path / "settings.ini"): BackupChoice.SKIP},
    )
    limit = BackupSettings(base_dir=str(bench.base_dir), skip_targets_over_bytes=-1)
    await bench.settings.save(limit, changed_by="test")

    assert (await bench.back_up(bare)).reason is BackupSkipReason.NO_TARGETS
    assert (await bench.back_up(blog, unwanted)).reason is BackupSkipReason.NO_INCLUDED_TARGETS
    assert (await bench.back_up(blog, mode=BackupMode.SKIP)).reason is BackupSkipReason.DISABLED
    assert (
        await bench.creator.create(None, stack_of(blog), (), BackupMode.FORCE)
    ).reason is BackupSkipReason.NO_SERVICES
    assert not bench.base_dir.exists()


async def test_a_disabled_backup_is_made_only_when_forced(bench: Bench, blog: Project) -> None:
    await bench.change(enabled=False)
    assert (await bench.back_up(blog)).as_json() == {"status": "skipped", "reason": "disabled"}
    assert (await bench.back_up(blog, mode=BackupMode.FORCE)).status is BackupStatus.SUCCESS


async def test_a_volume_with_its_data_elsewhere_is_restored_there(
    bench: Bench, projects: Projects, engine: RealEngine, images: Images, tmp_path: Path
) -> None:
    """The data is not below the engine's directory, so only a program in a container can remove files."""
    engine.load(images.build("web"), "backups/web:1")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    fill(elsewhere)
    options = {"type": "none", "o": "bind", "device": str(elsewhere)}
    blog = projects.create(
        "blog",
        {"web": {"image": "backups/web:1", "volumes": ["data:/data"]}},
        volumes={"data": {"driver_opts": options}},
    )
    blog.compose("create")
    before = tree(elsewhere)
    backup_id = await bench.made(blog)
    spoil(elsewhere)

    await bench.restorer.restore(backup_id, stop_containers=False)

    assert tree(elsewhere) == before


async def test_a_directory_with_a_file_system_of_its_own_is_restored(
    bed: Bed, images: Images, database: Database, clock: MovableClock, tmp_path: Path
) -> None:
    with Volume.mounted(tmp_path / "disk", megabytes=64) as disk:
        private = RealEngine(bed.keeper, f"engine-{secrets.token_hex(3)}")
        private.start()
        try:
            private.load(images.build("web"), "backups/web:1")
            fill(disk.directory)
            projects = Projects(private, tmp_path / "projects", bed.docker_config)
            blog = projects.create(
                "blog", {"web": {"image": "backups/web:1", "volumes": [f"{disk.directory}:/data"]}}
            )
            blog.compose("create")
            async with Engine.open(DockerConfig(host=private.host)) as client:
                bench = await Bench.prepare(client, database, clock, tmp_path / "backups")
                before = tree(disk.directory)
                backup_id = await bench.made(blog)
                spoil(disk.directory)
                await bench.restorer.restore(backup_id, stop_containers=False)
            assert tree(disk.directory) == before
        finally:
            private.discard()


async def test_an_empty_image_is_enough_for_the_helper_container(
    bench: Bench, projects: Projects, engine: RealEngine, images: Images
) -> None:
    empty = replace(images.build("nothing"), layers=(pack({"readme": b"no program at all"}),))
    engine.load(rebuilt(empty), "backups/nothing:1")
    blog = projects.create(
        "blog",
        {"web": {"image": "backups/nothing:1", "command": "/x", "volumes": ["data:/data"]}},
        volumes={"data": {}},
    )
    blog.compose("create")
    data = directory_of(engine, volume(blog, "data"))
    fill(data)
    before = tree(data)
    backup_id = await bench.made(blog)
    spoil(data)

    await bench.restorer.restore(backup_id, stop_containers=False)

    assert tree(data) == before
