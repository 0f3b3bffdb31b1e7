"""Reads and starts real projects with both versions of Compose."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from dockrev.clock import SystemClock
from dockrev.compose.lazy import LazyCompose
from dockrev.compose.models import UpOrder
from dockrev.config.shared import DockerConfig
from dockrev.docker.engine import Engine
from dockrev.errors import ComposeError
from dockrev.projects.project import ComposeProject
from tests.hosts.building import host_of
from tests.soak import soak
from tests.testbed.engine import Engine as RealEngine
from tests.testbed.images import Images
from tests.testbed.projects import ComposeVersion, Projects

both_generations = pytest.mark.parametrize("version", [ComposeVersion.V2, soak(ComposeVersion.V1)])


@asynccontextmanager
async def opened(
    engine: RealEngine, name: str, home: Path, version: ComposeVersion
) -> AsyncIterator[ComposeProject]:
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(home)}
    config = DockerConfig(host=engine.host, compose_bin=str(version.program), child_environment=environment)
    async with Engine.open(config) as client:
        yield ComposeProject(host_of(client, compose=LazyCompose(config, SystemClock())), name)


@both_generations
async def test_up_recreates_only_the_named_service_and_keeps_its_files_and_scale(
    engine: RealEngine, projects: Projects, images: Images, tmp_path: Path, version: ComposeVersion
) -> None:
    old, new = images.build("app", version="1"), images.build("app", version="2")
    engine.load(old, f"testbed/reader-{version}:1")
    service = {"image": f"testbed/reader-{version}:1"}
    project = projects.create("blog", {"web": service, "db": service}, version=version)
    project.compose("up", "--detach", "--scale", "web=2")
    (database,) = project.containers("db")
    engine.load(new, f"testbed/reader-{version}:1")
    said: list[str] = []

    async def record(line: str) -> None:
        said.append(line)

    async with opened(engine, project.name, tmp_path, version) as compose:
        view = await compose.read()
        await compose.up(UpOrder(view.files, ("web",), {"web": 2}), record)

    assert [container.image_id for container in project.containers("web")] == [new.image_id] * 2
    assert [container.container_id for container in project.containers("db")] == [database.container_id]
    assert {
        container.labels["com.docker.compose.project.config_files"] for container in project.containers("web")
    } <= {
        str(project.config_file),
        project.config_file.name,
    }
    assert said[0].startswith("$ ")
    assert "web" in said[0]
    assert len(said) > 1


@both_generations
async def test_recreate_replaces_containers_without_a_change(
    engine: RealEngine, projects: Projects, images: Images, tmp_path: Path, version: ComposeVersion
) -> None:
    engine.load(images.build("app"), "testbed/app:1")
    project = projects.create("blog", {"web": {"image": "testbed/app:1"}}, version=version)
    project.up()
    (before,) = project.containers("web")

    async def ignore(line: str) -> None: ...

    async with opened(engine, project.name, tmp_path, version) as compose:
        view = await compose.read()
        await compose.up(UpOrder(view.files, ("web",)), ignore)
        (unchanged,) = project.containers("web")
        await compose.up(UpOrder(view.files, ("web",), recreate=True), ignore)
        (after,) = project.containers("web")

    assert unchanged.container_id == before.container_id
    assert after.container_id != before.container_id


async def test_up_does_not_pull_a_missing_image(
    engine: RealEngine, projects: Projects, images: Images, tmp_path: Path
) -> None:
    engine.load(images.build("app"), "testbed/app:1")
    project = projects.create("blog", {"web": {"image": "testbed/app:1"}})
    project.up()
    project.configure({"web": {"image": "testbed/never-there:1"}})
    (before,) = project.containers("web")

    async def ignore(line: str) -> None: ...

    async with opened(engine, project.name, tmp_path, ComposeVersion.V2) as compose:
        view = await compose.read()
        with pytest.raises(ComposeError, match="never-there"):
            await compose.up(UpOrder(view.files, ("web",)), ignore)

    assert [container.container_id for container in project.containers("web")] == [before.container_id]
