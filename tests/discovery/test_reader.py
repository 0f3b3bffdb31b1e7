"""Reading a project anew, as its containers and files are at this moment."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from dockrev.compose.models import EffectiveConfig, ProjectFiles, UpOrder
from dockrev.discovery.reader import ProjectReader
from dockrev.errors import ComposeError, NotFound
from tests.discovery.host import CONFIG_FILES, DiscoveryHost

COMPOSE = "services: {web: {image: 'nginx:${TAG:-1}'}}"


def reader_of(host: DiscoveryHost) -> ProjectReader:
    return ProjectReader(host.engine, host.configs)


async def test_a_project_is_read_from_its_labels_and_files(host: DiscoveryHost) -> None:
    host.deploy("blog", COMPOSE, "web")
    host.write("blog/.env", "TAG=2\n")

    view = await reader_of(host).read("blog")

    assert view.files.config_files == (host.directory / "blog/compose.yaml",)
    assert [(one.name, one.image) for one in view.config.services] == [("web", "nginx:2")]


async def test_a_file_that_changed_is_read_again(host: DiscoveryHost) -> None:
    host.deploy("blog", COMPOSE, "web")
    reader = reader_of(host)
    before = await reader.read("blog")
    host.write("blog/compose.yaml", "services: {web: {image: 'nginx:3-alpine'}}")

    after = await reader.read("blog")

    assert before.config.services[0].image == "nginx:1"
    assert after.config.services[0].image == "nginx:3-alpine"
    assert before.config.services[0].digest != after.config.services[0].digest


async def test_a_project_without_containers_is_not_found(host: DiscoveryHost) -> None:
    host.deploy("blog", COMPOSE, "web")

    with pytest.raises(NotFound, match="shop has no container"):
        await reader_of(host).read("shop")


async def test_a_project_whose_containers_do_not_agree_is_refused_with_the_reason(
    host: DiscoveryHost,
) -> None:
    host.deploy("blog", COMPOSE, "web")
    other = host.write("blog/other.yaml", "services: {db: {image: redis}}")
    host.run("blog", "db", labels={CONFIG_FILES: str(other)})

    with pytest.raises(ComposeError, match="blog cannot be used: config_files_conflict"):
        await reader_of(host).read("blog")


async def test_a_missing_file_is_refused_with_the_reason(host: DiscoveryHost) -> None:
    host.run("blog", "web", labels={CONFIG_FILES: str(host.directory / "gone.yaml")})

    with pytest.raises(ComposeError, match="compose_file_unreadable"):
        await reader_of(host).read("blog")


async def test_files_that_compose_cannot_render_are_refused_although_discovery_can_read_them(
    host: DiscoveryHost,
) -> None:
    host.deploy("blog", "services: {web: {image: 'nginx:${TAG:?is needed}'}}", "web")
    await host.scanner.scan()

    with pytest.raises(ComposeError, match=r"blog cannot be changed: Compose could not render"):
        await reader_of(host).read("blog")

    assert (await host.service("blog", "web")).image_ref == "nginx:${TAG:?is needed}"


class ScriptedCompose:
    """Whatever it is asked to bring up, it says its lines and ends as told."""

    def __init__(self, lines: Sequence[str], failure: ComposeError) -> None:
        self._lines = lines
        self._failure = failure

    async def effective_config(self, files: ProjectFiles) -> EffectiveConfig:
        raise AssertionError(f"nobody wants to know about {files}")

    async def is_up_to_date(self, files: ProjectFiles, service: str, replicas: int) -> bool:
        raise ComposeError(f"of {files.name}, {service} and its {replicas} containers: {self._failure}")

    async def up(self, order: UpOrder, on_line: Callable[[str], None]) -> None:
        on_line(f"up {order.files.name} {order.services}")
        for line in self._lines:
            on_line(line)
        raise self._failure


async def test_all_that_compose_says_is_passed_on_before_its_failure_is_raised(host: DiscoveryHost) -> None:
    lines = [f"line {number}" for number in range(5)]
    compose = ScriptedCompose(lines, ComposeError("no such image"))
    heard: list[str] = []

    async def hear(line: str) -> None:
        heard.append(line)

    order = UpOrder(ProjectFiles("blog", (Path("/x"),)), ("web",))
    with pytest.raises(ComposeError, match="no such image"):
        await ProjectReader(host.engine, compose).up(order, hear)

    assert heard == ["up blog ('web',)", *lines]


async def test_what_compose_cannot_say_is_not_up_to_date(host: DiscoveryHost) -> None:
    reader = ProjectReader(host.engine, ScriptedCompose([], ComposeError("it hangs")))
    assert not await reader.is_up_to_date(ProjectFiles("blog", (Path("/x"),)), "web", 1)


async def test_without_compose_nothing_can_be_brought_up(tmp_path: Path) -> None:
    async def ignore(line: str) -> None:
        raise AssertionError(line)

    async with DiscoveryHost.open(tmp_path, compose_bin=tmp_path / "no-compose") as host:
        host.deploy("blog", COMPOSE, "web")
        files = ProjectFiles("blog", (host.directory / "blog/compose.yaml",))
        with pytest.raises(ComposeError, match="No Compose CLI answers"):
            await reader_of(host).up(UpOrder(files, ("web",)), ignore)
