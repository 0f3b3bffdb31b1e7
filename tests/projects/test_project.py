"""Reads the current containers and files of a project."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from dockrev.compose.models import ProjectFiles, UpOrder
from dockrev.errors import ComposeError, NotFound
from dockrev.projects.project import ComposeProject
from tests.compose.scripts import Script
from tests.discovery.host import CONFIG_FILES, DiscoveryHost
from tests.hosts.building import host_of

COMPOSE = "services: {web: {image: 'nginx:${TAG:-1}'}}"


def project_of(host: DiscoveryHost, name: str) -> ComposeProject:
    return ComposeProject(host_of(host.engine, compose=host.compose), name)


async def test_a_project_is_read_from_its_labels_and_files(host: DiscoveryHost) -> None:
    host.deploy("blog", COMPOSE, "web")
    host.write("blog/.env", "TAG=2\n")

    view = await project_of(host, "blog").read()

    assert view.files.config_files == (host.directory / "blog/compose.yaml",)
    assert [(service.name, service.image) for service in view.config.services] == [("web", "nginx:2")]


async def test_a_file_that_changed_is_read_again(host: DiscoveryHost) -> None:
    host.deploy("blog", COMPOSE, "web")
    project = project_of(host, "blog")
    before = await project.read()
    host.write("blog/compose.yaml", "services: {web: {image: 'nginx:3-alpine'}}")

    after = await project.read()

    assert before.config.services[0].image == "nginx:1"
    assert after.config.services[0].image == "nginx:3-alpine"
    assert before.config.services[0].digest != after.config.services[0].digest


async def test_a_project_without_containers_is_not_found(host: DiscoveryHost) -> None:
    host.deploy("blog", COMPOSE, "web")

    with pytest.raises(NotFound, match="shop has no container"):
        await project_of(host, "shop").read()


async def test_a_project_whose_containers_name_different_files_is_refused_with_the_reason(
    host: DiscoveryHost,
) -> None:
    host.deploy("blog", COMPOSE, "web")
    other = host.write("blog/other.yaml", "services: {db: {image: redis}}")
    host.run("blog", "db", labels={CONFIG_FILES: str(other)})

    with pytest.raises(ComposeError, match="blog cannot be used: config_files_conflict"):
        await project_of(host, "blog").read()


async def test_a_missing_file_is_refused_with_the_reason(host: DiscoveryHost) -> None:
    host.run("blog", "web", labels={CONFIG_FILES: str(host.directory / "gone.yaml")})

    with pytest.raises(ComposeError, match="compose_file_unreadable"):
        await project_of(host, "blog").read()


async def test_files_that_compose_cannot_render_are_refused_although_discovery_can_read_them(
    host: DiscoveryHost,
) -> None:
    host.deploy("blog", "services: {web: {image: 'nginx:${TAG:?is needed}'}}", "web")
    await host.scanner.scan()

    with pytest.raises(ComposeError, match=r"blog cannot be changed: Compose could not render"):
        await project_of(host, "blog").read()

    assert (await host.service("blog", "web")).image_ref == "nginx:${TAG:?is needed}"


@asynccontextmanager
async def with_script(directory: Path) -> AsyncIterator[tuple[ComposeProject, Script]]:
    """The project `blog` on a host whose Compose is a script."""
    script = Script(directory / "bin")
    async with DiscoveryHost.open(directory, compose_bin=script.path) as host:
        yield project_of(host, "blog"), script


async def test_all_output_of_compose_is_passed_on_before_its_failure_is_raised(tmp_path: Path) -> None:
    lines = [f"line {number}" for number in range(5)]
    heard: list[str] = []

    async def record(line: str) -> None:
        await asyncio.sleep(0)  # a slow log
        heard.append(line)

    async with with_script(tmp_path) as (project, script):
        script.answers("", "\n".join([*lines, "no such image"]), code=1)
        with pytest.raises(ComposeError, match="no such image"):
            await project.up(UpOrder(ProjectFiles("blog", (Path("/x"),)), ("web",)), record)

    assert heard[0].startswith(f"$ {script.path} --project-name=blog")
    assert heard[1:] == [*lines, "no such image"]


async def test_a_service_is_not_up_to_date_when_compose_cannot_tell(tmp_path: Path) -> None:
    async with with_script(tmp_path) as (project, script):
        script.answers("", "unknown flag: --dry-run", code=1)
        assert not await project.is_up_to_date(ProjectFiles("blog", (Path("/x"),)), "web", 1)


async def test_up_fails_without_compose(tmp_path: Path) -> None:
    async def ignore(line: str) -> None:
        raise AssertionError(line)

    async with DiscoveryHost.open(tmp_path, compose_bin=tmp_path / "no-compose") as host:
        host.deploy("blog", COMPOSE, "web")
        files = ProjectFiles("blog", (host.directory / "blog/compose.yaml",))
        with pytest.raises(ComposeError, match="No Compose CLI answers"):
            await project_of(host, "blog").up(UpOrder(files, ("web",)), ignore)
