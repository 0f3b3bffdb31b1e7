"""Discovers real projects with a real engine, both versions of Compose and a real registry."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from dockrev.clock import SystemClock
from dockrev.compose.lazy import LazyCompose
from dockrev.config.shared import DockerConfig
from dockrev.db.database import Database
from dockrev.discovery.models import DiscoveredProject, ProjectStatus
from dockrev.discovery.store import ProjectStore
from dockrev.discovery.watch import DiscoveryWatch
from dockrev.docker.engine import Engine
from dockrev.stacks.models import RunningImage, Runtime, Service, Stack, StackStatus
from dockrev.stacks.store import StackStore
from tests.discovery.counted import CountedScanner
from tests.hosts.building import host_of
from tests.soak import soak
from tests.storage import migrated
from tests.testbed.bed import Bed
from tests.testbed.engine import Engine as RealEngine
from tests.testbed.images import Healthcheck, Images
from tests.testbed.projects import ComposeVersion, Content, Project, Projects
from tests.testbed.registry import Registry
from tests.testbed.requirements import BUSYBOX, COMPOSE_V2

both_generations = pytest.mark.parametrize("version", ComposeVersion)

DOCKERFILE = 'FROM scratch\nCOPY busybox /bin/busybox\nCMD ["/bin/busybox", "sleep", "1000"]\n'


@dataclass(frozen=True)
class Discovery:
    engine: Engine
    stacks: StackStore
    projects: ProjectStore
    scanner: CountedScanner

    async def scan(self, name: str) -> Stack:
        await self.scanner.scan()
        return await self.stack(name)

    async def stack(self, name: str) -> Stack:
        (stack,) = [stack for stack in await self.stacks.all() if stack.name == name]
        return stack

    async def until(self, name: str, status: StackStatus, running: int) -> None:
        """Waits until the stored stack has this status and number of running containers."""

        async def reached() -> bool:
            stacks = [stack for stack in await self.stacks.all() if stack.name == name]
            return any(
                stack.status is status
                and sum(service.runtime.running for service in stack.services) == running
                for stack in stacks
            )

        await self.scanner.until(reached)

    async def project(self, name: str) -> DiscoveredProject:
        (project,) = [project for project in await self.projects.all() if project.project == name]
        return project


@asynccontextmanager
async def discovery(engine: RealEngine, directory: Path, compose: Path) -> AsyncIterator[Discovery]:
    clock = SystemClock()
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(directory)}
    config = DockerConfig(host=engine.host, compose_bin=str(compose), child_environment=environment)
    async with (
        Engine.open(config) as client,
        Database.open(migrated(directory / "dockrev.sqlite3")) as database,
    ):
        stacks, projects = StackStore(database, clock), ProjectStore(database, clock)
        scanner = CountedScanner(host_of(client, compose=LazyCompose(config, clock)), stacks, projects, clock)
        yield Discovery(client, stacks, projects, scanner)


def by_name(stack: Stack) -> Mapping[str, Service]:
    return {service.name: service for service in stack.services}


def shop(projects: Projects, image: str, version: ComposeVersion) -> Project:
    """A project with everything that makes a Compose file hard to parse."""
    repository, _, tag = image.rpartition(":")
    files: dict[str, Content] = {
        ".env": f"REPOSITORY={repository}\nTAG={tag}\n",
        "web.env": "GREETING=hello\n",
        "common.yaml": "services: {base: {image: '${REPOSITORY}:${TAG}', labels: {dockrev.watch: 'false'}}}",
        "override.yaml": "services: {till: {image: '${REPOSITORY}:${TAG}'}}",
        "app/Dockerfile": DOCKERFILE,
        "app/busybox": BUSYBOX,
    }
    compose = """
x-defaults: &defaults
  image: ${REPOSITORY}:${TAG:-nothing}
services:
  web: {<<: *defaults, env_file: web.env}
  api: {extends: {file: common.yaml, service: base}}
  till: {image: overridden}
  worker: {<<: *defaults}
  tools: {<<: *defaults, profiles: [extra]}
  own: {build: ./app}
"""
    return projects.create("shop", compose, files=files, version=version)


@both_generations
async def test_every_service_is_found_with_its_effective_image(
    engine: RealEngine,
    projects: Projects,
    registry: Registry,
    images: Images,
    tmp_path: Path,
    version: ComposeVersion,
) -> None:
    image = images.build("app", version="1.0")
    pushed = registry.push(image, "app:1.0")
    project = shop(projects, pushed.name, version)
    files = ("compose.yaml", "override.yaml")
    project.compose("up", "--detach", "--build", "--scale", "worker=2", files=files)

    async with discovery(engine, tmp_path, version.program) as host:
        stack = await host.scan(project.name)
        row = await host.project(project.name)

    services = by_name(stack)
    running_images = (RunningImage(image.image_id, (pushed.digest,), "1.0"),)
    assert (row.status, row.last_error) == (ProjectStatus.ACTIVE, None)
    assert stack.compose_files == tuple(str(project.directory / name) for name in files)
    assert stack.status is StackStatus.HEALTHY
    assert {name: service.image_ref for name, service in services.items()} == {
        **dict.fromkeys(("web", "api", "till", "worker", "tools"), pushed.name),
        "own": None,
    }
    assert {name for name, service in services.items() if not service.watched} == {"api"}
    assert {name for name, service in services.items() if service.builds} == {"own"}
    assert services["worker"].runtime == Runtime(2, 2, 0, running_images)
    assert services["tools"].runtime == Runtime()
    assert services["own"].runtime.running == 1
    assert services["own"].runtime.digests == frozenset()


async def test_included_files_belong_to_the_project(
    engine: RealEngine, projects: Projects, images: Images, tmp_path: Path
) -> None:
    engine.load(images.build("app"), "testbed/app:1")
    files: dict[str, Content] = {
        "data/compose.yaml": "services: {db: {image: 'testbed/app:${DB_TAG}'}}",
        "data/.env": "DB_TAG=1\n",
    }
    compose = "include: [data/compose.yaml]\nservices: {web: {image: 'testbed/app:1'}}"
    project = projects.create("included", compose, files=files)
    project.up()

    async with discovery(engine, tmp_path, COMPOSE_V2) as host:
        before = by_name(await host.scan(project.name))
        project.write("data/.env", "DB_TAG=another\n")
        after = by_name(await host.scan(project.name))

    assert {name: service.image_ref for name, service in before.items()} == {
        "web": "testbed/app:1",
        "db": "testbed/app:1",
    }
    assert after["web"] == before["web"]
    assert after["db"].image_ref == "testbed/app:another"


@pytest.mark.parametrize("version", [ComposeVersion.V2, soak(ComposeVersion.V1)])
async def test_a_project_is_followed_from_its_start_to_its_removal(
    engine: RealEngine, projects: Projects, images: Images, tmp_path: Path, version: ComposeVersion
) -> None:
    engine.load(images.build("app"), "testbed/app:1")
    project = projects.create("blog", {"web": {"image": "testbed/app:1"}}, version=version)
    project.up()

    async with discovery(engine, tmp_path, version.program) as host:
        running = await host.scan(project.name)
        project.stop()
        stopped = await host.scan(project.name)
        stopped_row = await host.project(project.name)
        project.down()
        gone = await host.scan(project.name)
        gone_row = await host.project(project.name)
        project.configure({"front": {"image": "testbed/app:1"}})
        project.up()
        renamed = await host.scan(project.name)
        renamed_row = await host.project(project.name)

    assert running.status is StackStatus.HEALTHY
    assert (stopped.status, stopped_row.status) == (StackStatus.DEGRADED, ProjectStatus.ACTIVE)
    assert by_name(stopped)["web"].runtime.images == by_name(running)["web"].runtime.images
    assert (by_name(gone)["web"].runtime, gone_row.status) == (Runtime(), ProjectStatus.MISSING)
    assert (renamed.id, renamed_row.status) == (running.id, ProjectStatus.ACTIVE)
    assert {name: service.removed for name, service in by_name(renamed).items()} == {
        "web": True,
        "front": False,
    }


@both_generations
async def test_a_project_started_without_file_options_is_found(
    engine: RealEngine, projects: Projects, images: Images, tmp_path: Path, version: ComposeVersion
) -> None:
    engine.load(images.build("app"), "testbed/app:1")
    project = projects.create("blog", {"web": {"image": "testbed/app:1"}}, version=version)
    project.compose("up", "--detach", files=())

    async with discovery(engine, tmp_path, version.program) as host:
        stack = await host.scan(project.name)

    assert stack.compose_files == (str(project.config_file),)


async def test_a_one_off_container_is_no_replica(
    engine: RealEngine, projects: Projects, images: Images, tmp_path: Path
) -> None:
    engine.load(images.build("app"), "testbed/app:1")
    project = projects.create("blog", {"web": {"image": "testbed/app:1"}})
    project.up()
    project.compose("run", "--detach", "web")

    async with discovery(engine, tmp_path, COMPOSE_V2) as host:
        stack = await host.scan(project.name)

    assert len(project.containers()) == 2
    assert by_name(stack)["web"].runtime.total == 1


async def test_without_compose_projects_are_still_found_with_a_warning(
    engine: RealEngine, projects: Projects, images: Images, tmp_path: Path
) -> None:
    engine.load(images.build("app"), "testbed/app:1")
    project = projects.create("blog", {"web": {"image": "testbed/app:1"}})
    project.up()

    async with discovery(engine, tmp_path, tmp_path / "no-compose") as host:
        stack = await host.scan(project.name)
        row = await host.project(project.name)

    assert by_name(stack)["web"].image_ref == "testbed/app:1"
    assert row.status is ProjectStatus.ACTIVE
    assert "Install the Compose plugin" in (row.last_error or "")


@asynccontextmanager
async def watching(host: Discovery) -> AsyncIterator[None]:
    """The interval is so long that only events cause scans."""
    async with asyncio.TaskGroup() as group:
        task = group.create_task(DiscoveryWatch(host.engine, host.scanner, interval_seconds=3600).run())
        yield
        task.cancel()


async def test_changes_on_the_host_are_seen_through_events(
    engine: RealEngine, projects: Projects, images: Images, tmp_path: Path
) -> None:
    engine.load(images.build("ill", healthcheck=Healthcheck("test -f /well")), "testbed/ill:1")
    project = projects.create("blog", {"web": {"image": "testbed/ill:1"}})

    async with discovery(engine, tmp_path, COMPOSE_V2) as host, watching(host):
        await host.scanner.reached(1)
        await asyncio.to_thread(project.up)
        await host.until(project.name, StackStatus.DEGRADED, running=1)
        assert by_name(await host.stack(project.name))["web"].runtime.unhealthy == 1

        await asyncio.to_thread(project.compose, "exec", "-T", "web", "touch", "/well")
        await host.until(project.name, StackStatus.HEALTHY, running=1)

        await asyncio.to_thread(project.down)
        await host.until(project.name, StackStatus.DEGRADED, running=0)


async def test_discovery_goes_on_when_a_killed_engine_is_back(
    private_engine: RealEngine, bed: Bed, images: Images, tmp_path: Path
) -> None:
    private_engine.load(images.build("app"), "testbed/app:1")
    projects = Projects(private_engine, tmp_path / "projects", bed.docker_config)
    project = projects.create("blog", {"web": {"image": "testbed/app:1"}})
    project.up()

    async with discovery(private_engine, tmp_path, COMPOSE_V2) as host, watching(host):
        await host.until(project.name, StackStatus.HEALTHY, running=1)
        stack = await host.stack(project.name)

        await asyncio.to_thread(private_engine.kill)
        await host.until(project.name, StackStatus.UNKNOWN, running=1)
        assert (await host.project(project.name)).status is ProjectStatus.ACTIVE

        await asyncio.to_thread(private_engine.start)
        await host.until(project.name, StackStatus.DEGRADED, running=0)
        await asyncio.to_thread(project.up)
        await host.until(project.name, StackStatus.HEALTHY, running=1)
        assert (await host.stack(project.name)).id == stack.id
