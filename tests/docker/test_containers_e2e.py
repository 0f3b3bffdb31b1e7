"""Changes and inspects containers, tags and volumes of a real engine."""

import asyncio
import secrets
from collections.abc import Iterator

import pytest

from dockrev.docker.containers import Containers, HelperMount, MountType
from dockrev.docker.engine import Engine
from dockrev.docker.images import ROLLBACK_REPOSITORY
from dockrev.docker.images import Images as EngineImages
from dockrev.docker.snapshot import ContainerState, Health
from dockrev.docker.volumes import Volumes
from dockrev.errors import DockerConflict, DockerError, DockerNotFound
from tests.docker.volumes import temporary_volume
from tests.testbed.engine import Engine as RealEngine
from tests.testbed.images import Healthcheck, Images
from tests.testbed.projects import ComposeVersion, Project, Projects
from tests.testbed.registry import Registry


@pytest.fixture
def containers(real: Engine) -> Containers:
    return Containers(real)


@pytest.fixture
def blog(projects: Projects, registry: Registry, images: Images) -> Project:
    """A running service with a volume."""
    pushed = registry.push(images.build("web"), "web:1.0")
    project = projects.create(
        "blog", {"web": {"image": pushed.name, "volumes": ["data:/data"]}}, volumes={"data": {}}
    )
    project.up()
    return project


@pytest.fixture
def volume(engine: RealEngine) -> Iterator[str]:
    with temporary_volume(engine) as name:
        yield name


async def state_of(real: Engine, container_id: str) -> ContainerState:
    return (await Containers(real).inspect(container_id)).state


@pytest.mark.parametrize("version", ComposeVersion)
async def test_a_service_is_inspected_with_all_details(
    real: Engine, projects: Projects, registry: Registry, images: Images, version: ComposeVersion
) -> None:
    check = Healthcheck(interval_seconds=0.5, start_period_seconds=2)
    pushed = registry.push(images.build("web", healthcheck=check), "web:1.0")
    service = {
        "image": pushed.name,
        "volumes": ["data:/data", "/anonymous"],
        "stop_grace_period": "90s",
        "healthcheck": {"retries": 5},
    }
    project = projects.create("blog", {"web": service}, version=version, volumes={"data": {}})
    project.compose("up", "--detach", "--scale", "web=2")
    project.until("web", lambda container: "(healthy)" in container.status)
    project.compose("run", "--detach", "web")

    replicas = await Containers(real).of_service(project.name, "web")

    assert [(container.number, container.state) for container in replicas] == [
        (n, ContainerState.RUNNING) for n in (1, 2)
    ]
    container = replicas[0]
    assert (container.image, container.stop_timeout_seconds, container.restart_count) == (pushed.name, 90, 0)
    assert container.healthcheck is not None
    assert (container.healthcheck.start_period_seconds, container.healthcheck.interval_seconds) == (2, 0.5)
    assert container.healthcheck.retries == 5
    assert Health.HEALTHY in {each.health for each in replicas}
    mounts = {mount.destination: mount for mount in container.mounts}
    assert mounts["/data"].name == f"{project.name}_data"
    assert len(mounts["/anonymous"].name or "") == 64
    image = await EngineImages(real).inspect(container.image_id)
    assert image.digests_of(pushed.ref.repository) == (pushed.digest,)


async def test_each_command_changes_the_state_and_may_be_repeated(
    real: Engine, containers: Containers, blog: Project
) -> None:
    """Sends each command twice: the second one finds the state reached and succeeds."""
    (web,) = blog.containers("web")
    for order, expected in (
        (containers.pause, ContainerState.PAUSED),
        (containers.unpause, ContainerState.RUNNING),
        (containers.stop, ContainerState.EXITED),
        (containers.start, ContainerState.RUNNING),
    ):
        for _ in range(2):
            await order(web.container_id)
        assert await state_of(real, web.container_id) is expected


async def test_wait_returns_the_exit_code(engine: RealEngine, containers: Containers, blog: Project) -> None:
    (web,) = blog.containers("web")
    await asyncio.to_thread(engine.api.call, "POST", f"/containers/{web.container_id}/kill")

    assert await containers.wait(web.container_id, timeout_seconds=10) == 137


async def test_a_stopped_container_cannot_be_paused(containers: Containers, blog: Project) -> None:
    (web,) = blog.containers("web")
    await containers.stop(web.container_id, grace_seconds=5)

    with pytest.raises(DockerError, match="is not running"):
        await containers.pause(web.container_id)


async def test_wait_times_out(containers: Containers, blog: Project) -> None:
    (web,) = blog.containers("web")

    with pytest.raises(DockerError, match=r"within 0\.2 seconds"):
        await containers.wait(web.container_id, timeout_seconds=0.2)


async def test_commands_to_a_missing_container_raise_not_found(containers: Containers) -> None:
    for order in (containers.start, containers.stop, containers.pause, containers.unpause):
        with pytest.raises(DockerNotFound):
            await order("gone")


async def test_remove_keeps_the_volumes(real: Engine, containers: Containers, blog: Project) -> None:
    (web,) = blog.containers("web")
    with pytest.raises(DockerConflict, match="running container"):
        await containers.remove(web.container_id)

    for _ in range(2):
        await containers.remove(web.container_id, force=True)

    assert blog.containers("web") == []
    assert await Volumes(real).find(f"{blog.name}_data") is not None


async def test_a_helper_reads_a_volume_and_is_found_by_its_label(
    real: Engine, engine: RealEngine, images: Images, volume: str
) -> None:
    """The image has a volume and a health check, and files where the helper mounts the volume."""
    image = images.build("web", volumes=("/cache",), files={"data/own": b"x"}, healthcheck=Healthcheck())
    image_id = engine.load(image, f"local/{secrets.token_hex(4)}:1")
    containers = Containers(real)
    volumes_before = volume_names(engine)

    helper = await containers.create_helper(
        image_id,
        (HelperMount(MountType.VOLUME, volume, "/data"),),
        ("/bin/sh", "-c", 'test -z "$(ls /data)" && echo new > /data/file'),
    )
    assert helper in {container.id for container in await containers.helpers()}
    await containers.start(helper)

    assert await containers.wait(helper, timeout_seconds=30) == 0
    await containers.remove_helper(helper)
    assert helper not in {container.id for container in await containers.helpers()}
    assert volume_names(engine) <= volumes_before


def volume_names(engine: RealEngine) -> set[str]:
    """Only anonymous volumes, because other tests create and remove named ones."""
    names = {
        volume["Name"]
        for volume in engine.api.get("/volumes", {"filters": {"dangling": ["true"]}})["Volumes"]
    }
    return {name for name in names if len(name) == 64}


async def test_a_helper_may_have_read_only_bind_mounts(
    real: Engine, engine: RealEngine, images: Images, blog: Project
) -> None:
    blog.write("conf/app.ini", "a=b")
    (web,) = blog.containers("web")
    containers = Containers(real)
    mount = HelperMount(MountType.BIND, str(blog.directory / "conf"), "/conf", read_only=True)

    helper = await containers.create_helper(
        web.image_id, (mount,), ("/bin/sh", "-c", "echo x > /conf/app.ini")
    )
    await containers.start(helper)

    assert await containers.wait(helper, timeout_seconds=30) != 0
    await containers.remove_helper(helper)
    assert (blog.directory / "conf/app.ini").read_text() == "a=b"


async def test_a_tag_keeps_an_image_until_it_is_removed(
    real: Engine, engine: RealEngine, images: Images
) -> None:
    local = EngineImages(real)
    name = f"local/{secrets.token_hex(4)}"
    first, second = (engine.load(images.build(name, version=v), f"{name}:{v}") for v in ("1", "2"))
    protective = f"{ROLLBACK_REPOSITORY}:{secrets.token_hex(4)}"

    await local.tag(first, ROLLBACK_REPOSITORY, protective.partition(":")[2])
    await local.untag(f"{name}:1")

    assert await local.find_id(f"{name}:1") is None
    assert await local.find_id(protective) == first
    assert protective in await local.rollback_tags()
    assert f"{name}:2" not in await local.rollback_tags()

    await local.tag(second, ROLLBACK_REPOSITORY, protective.partition(":")[2])
    assert await local.find_id(protective) == second
    for _ in range(2):
        await local.untag(protective)
    assert protective not in await local.rollback_tags()
    assert await local.find_id(f"{name}:2") == second
    await local.untag(f"{name}:2")


async def test_an_image_in_use_keeps_its_last_name(
    real: Engine, engine: RealEngine, projects: Projects, images: Images
) -> None:
    name = f"local/{secrets.token_hex(4)}:1"
    engine.load(images.build(name), name)
    projects.create("local", {"web": {"image": name}}).up()

    with pytest.raises(DockerConflict):
        await EngineImages(real).untag(name)

    assert await EngineImages(real).find_id(name) is not None


async def test_a_missing_image_cannot_be_tagged(real: Engine) -> None:
    with pytest.raises(DockerNotFound):
        await EngineImages(real).tag(f"sha256:{'f' * 64}", "local/none", "1")


async def test_a_volume_is_found_with_its_driver_and_options(real: Engine, engine: RealEngine) -> None:
    options = {"type": "tmpfs", "device": "tmpfs"}
    with temporary_volume(engine, options) as name:
        volume = await Volumes(real).find(name)

    assert volume is not None
    assert (volume.name, volume.driver, volume.options) == (name, "local", options)
    assert volume.mountpoint.endswith(f"{name}/_data")
    assert await Volumes(real).find(name) is None


@pytest.mark.parametrize("reference", ["no/such:1", f"no/such@sha256:{'f' * 64}"])
async def test_an_unknown_reference_finds_no_image(real: Engine, reference: str) -> None:
    assert await EngineImages(real).find_id(reference) is None
