"""A host with a fake engine and real Compose files, and all other parts that discovery needs."""

import shlex
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from dockrev.compose.lazy import LazyCompose
from dockrev.config.shared import DockerConfig
from dockrev.db.database import Database
from dockrev.discovery.models import DiscoveredProject
from dockrev.discovery.scan import Scanner
from dockrev.discovery.store import ProjectStore
from dockrev.docker.engine import Engine
from dockrev.oci.digest import Digest
from dockrev.stacks.models import Service, Stack
from dockrev.stacks.store import StackStore
from tests.fakes.clock import MovableClock
from tests.fakes.engine import FakeContainer, FakeEngine, FakeImage
from tests.hosts.building import host_of
from tests.storage import migrated
from tests.testbed.requirements import COMPOSE_V2

CONFIG_FILES = "com.docker.compose.project.config_files"
WORKING_DIRECTORY = "com.docker.compose.project.working_dir"


@dataclass(frozen=True)
class DiscoveryHost:
    directory: Path
    fake: FakeEngine
    engine: Engine
    database: Database
    stacks: StackStore
    projects: ProjectStore
    scanner: Scanner
    clock: MovableClock
    compose: LazyCompose

    @classmethod
    @asynccontextmanager
    async def open(cls, directory: Path, compose_bin: Path | None = None) -> AsyncIterator["DiscoveryHost"]:
        """`compose_bin`: the Compose CLI. By default a CLI that counts its calls in `compose_calls`."""
        clock = MovableClock()
        compose = LazyCompose(docker_config(compose_bin or _counting(directory)), clock)
        async with (
            FakeEngine.running() as fake,
            Engine.open(fake.config, timeout_seconds=5) as engine,
            Database.open(migrated(directory / "dockrev.sqlite3")) as database,
        ):
            stacks, projects = StackStore(database, clock), ProjectStore(database, clock)
            scanner = Scanner(host_of(engine, compose=compose), stacks, projects, clock)
            yield cls(directory, fake, engine, database, stacks, projects, scanner, clock, compose)

    def write(self, path: str, content: str) -> Path:
        target = self.directory / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content)
        return target

    def deploy(
        self, project: str, compose: str, *services: str, labels: Mapping[str, str] | None = None
    ) -> None:
        """Writes the Compose file and runs a container for each named service."""
        file = self.write(f"{project}/compose.yaml", compose)
        self.run(project, *services, labels={CONFIG_FILES: str(file)} | dict(labels or {}))

    def run(self, project: str, *services: str, labels: Mapping[str, str]) -> None:
        for service in services:
            made_by = {WORKING_DIRECTORY: str(self.directory / project)} | dict(labels)
            self.fake.containers.append(
                FakeContainer(
                    id=f"{project}-{service}-{len(self.fake.containers)}",
                    image="nginx",
                    image_id=f"sha256:{service}",
                    project=project,
                    service=service,
                    labels=made_by,
                )
            )

    def pulled(self, service: str, *repositories: str) -> Digest:
        """Gives the image of the service a digest from these repositories, and returns it."""
        digest = Digest.of(service.encode())
        names = tuple(f"{repository}@{digest}" for repository in repositories)
        self.fake.images.append(FakeImage(f"sha256:{service}", repo_digests=names))
        return digest

    @property
    def compose_calls(self) -> int:
        """How often Compose rendered a project."""
        log = self.directory / "compose-calls"
        return log.read_text().count(" config ") if log.exists() else 0

    def scanner_of(self, engine: Engine) -> Scanner:
        """A scanner of another engine that writes to the same database."""
        return Scanner(host_of(engine, compose=self.compose), self.stacks, self.projects, self.clock)

    async def stack(self, name: str) -> Stack:
        (stack,) = [item for item in await self.stacks.all() if item.name == name]
        return stack

    async def service(self, stack: str, name: str) -> Service:
        (service,) = [item for item in (await self.stack(stack)).services if item.name == name]
        return service

    async def project(self, name: str) -> DiscoveredProject:
        (project,) = [item for item in await self.projects.all() if item.project == name]
        return project


def docker_config(compose_bin: Path) -> DockerConfig:
    return DockerConfig(compose_bin=str(compose_bin), child_environment={"PATH": "/usr/bin:/bin"})


def _counting(directory: Path) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    script = directory / "docker-compose"
    log = shlex.quote(str(directory / "compose-calls"))
    script.write_text(f'#!/bin/sh\necho "$* " >>{log}\nexec {shlex.quote(str(COMPOSE_V2))} "$@"\n')
    script.chmod(0o755)
    return script
