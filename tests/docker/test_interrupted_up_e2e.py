"""Repairs the containers that a killed Compose left, on a real engine."""

import asyncio
import json

import pytest

from dockrev.compose.cli import Compose
from dockrev.compose.models import ProjectFiles, UpOrder
from dockrev.config.shared import DockerConfig
from dockrev.docker.containers import Containers
from dockrev.docker.engine import Engine
from dockrev.docker.interrupted_up import repair
from dockrev.docker.snapshot import ContainerState
from tests.testbed.engine import Engine as RealEngine
from tests.testbed.images import Images
from tests.testbed.projects import ComposeVersion, Project, Projects
from tests.testbed.registry import Registry

DEAF = ("/bin/sh", "-c", "trap '' TERM; while :; do sleep 1; done")


@pytest.fixture
def blog(projects: Projects, registry: Registry, images: Images) -> Project:
    """A project whose service takes long to stop."""
    pushed = registry.push(images.build("web", command=DEAF), "web:1")
    service = {"image": pushed.name, "stop_grace_period": "60s", "volumes": ["/data"]}
    project = projects.create("blog", {"web": service})
    project.up()
    return project


async def names(real: Engine, project: Project) -> list[str]:
    return [container.name for container in await Containers(real).of_service(project.name, "web")]


async def kill_in_the_middle(project: Project) -> None:
    """Kills V2 after it has created the new container, while it waits for the old one to stop."""
    config = DockerConfig(host=project.engine.host, compose_bin=str(ComposeVersion.V2.program))
    compose = await Compose.find(config)
    files = ProjectFiles(project.name, (project.config_file,), project.directory)
    async with asyncio.TaskGroup() as group:
        order = UpOrder(files, ("web",), recreate=True)
        up = group.create_task(compose.up(order, lambda _: None))
        await asyncio.to_thread(project.until, "web", lambda container: container.state == "created")
        up.cancel()


async def test_repair_removes_the_new_container_when_the_old_one_is_still_there(
    real: Engine, blog: Project
) -> None:
    (old,) = await Containers(real).of_service(blog.name, "web")
    await kill_in_the_middle(blog)
    assert len(await names(real, blog)) == 2

    done = await repair(Containers(real), blog.name, "web")

    (left,) = await Containers(real).of_service(blog.name, "web")
    assert (left.id, left.name, left.state) == (old.id, old.name, ContainerState.RUNNING)
    assert left.mounts == old.mounts
    assert len(done) == 1
    assert "was removed" in done[0]


async def test_repair_renames_the_new_container_when_the_old_one_is_gone(real: Engine, blog: Project) -> None:
    (old,) = await Containers(real).of_service(blog.name, "web")
    await kill_in_the_middle(blog)
    await Containers(real).remove(old.id, force=True)
    assert await names(real, blog) == [f"{old.id[:12]}_{old.name}"]

    await repair(Containers(real), blog.name, "web")

    (new,) = await Containers(real).of_service(blog.name, "web")
    assert new.name == old.name
    assert [mount.name for mount in new.mounts] == [mount.name for mount in old.mounts]


async def as_v1_leaves_it(
    real: Engine, engine: RealEngine, blog: Project, *, started: bool
) -> tuple[str, str]:
    """Stops and renames the old container and creates the new one. Returns their ids."""
    (old,) = await Containers(real).of_service(blog.name, "web")
    await Containers(real).stop(old.id, grace_seconds=0)
    await Containers(real).rename(old.id, f"{old.id[:12]}_{old.name}")
    body = json.dumps({"Image": old.image_id, "Labels": dict(old.labels)}).encode()
    headers = {"Content-Type": "application/json"}
    new = json.loads(engine.api.call("POST", "/containers/create", {"name": old.name}, body, headers))["Id"]
    if started:
        await Containers(real).start(new)
    return old.id, new


@pytest.mark.parametrize("started", [False, True])
async def test_repair_handles_an_old_container_that_v1_renamed(
    real: Engine, engine: RealEngine, blog: Project, started: bool
) -> None:
    (name,) = await names(real, blog)
    old, new = await as_v1_leaves_it(real, engine, blog, started=started)

    await repair(Containers(real), blog.name, "web")

    (left,) = await Containers(real).of_service(blog.name, "web")
    assert (left.id, left.name) == (new if started else old, name)


async def test_repair_changes_nothing_in_a_healthy_project(real: Engine, blog: Project) -> None:
    blog.compose("up", "--detach", "--scale", "web=3")
    before = await Containers(real).of_service(blog.name, "web")

    assert await repair(Containers(real), blog.name, "web") == ()

    assert [container.id for container in await Containers(real).of_service(blog.name, "web")] == [
        container.id for container in before
    ]


async def test_repair_ignores_a_name_that_only_looks_prefixed(real: Engine, blog: Project) -> None:
    (web,) = await Containers(real).of_service(blog.name, "web")
    odd = f"0123456789ab_{web.name}"
    await Containers(real).rename(web.id, odd)

    assert await repair(Containers(real), blog.name, "web") == ()

    assert await names(real, blog) == [odd]
