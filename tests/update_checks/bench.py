"""A real checker with a real database and a real registry client, and a registry that tests control."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Self

from sqlalchemy.ext.asyncio import AsyncConnection

from dockrev.clock import Clock, SystemClock
from dockrev.config.server import RegistryConfig
from dockrev.config.shared import DockerConfig
from dockrev.db.database import Database
from dockrev.docker.engine import Engine
from dockrev.hosts.directory import HostDirectory
from dockrev.http.client import Timeouts
from dockrev.ignores.store import IgnoreStore
from dockrev.images.store import ImageStore
from dockrev.oci.digest import Digest
from dockrev.registry.client import RegistryClient, open_http
from dockrev.stacks.models import ObservedService, Service
from dockrev.stacks.store import StackStore
from dockrev.stacks.update_state import UpdateState
from dockrev.stacks.views import StackViews
from dockrev.update_checks.checker import Checker
from dockrev.update_checks.models import CheckReport, CheckStep
from dockrev.versions.store import VersionStore
from tests.fakes.registry import FakeRegistry
from tests.hosts.building import host_of
from tests.stacks.building import AMD64, observed, observed_service, running
from tests.storage import migrated


class CountingDatabase(Database):
    commits = 0

    @asynccontextmanager
    async def write(self, *, durable: bool = False) -> AsyncIterator[AsyncConnection]:
        async with super().write(durable=durable) as connection:
            yield connection
        self.commits += 1


@dataclass
class Recorder:
    """A watcher that keeps the steps and pauses."""

    steps: list[CheckStep] = field(default_factory=list)
    pauses: list[tuple[datetime, int]] = field(default_factory=list)

    def step(self, step: CheckStep) -> None:
        self.steps.append(step)

    async def pausing(self, until: datetime, services: int) -> None:
        self.pauses.append((until, services))


@dataclass
class Bench:
    registry: FakeRegistry
    database: CountingDatabase
    stacks: StackStore
    images: ImageStore
    versions: VersionStore
    views: StackViews
    checker: Checker
    watcher: Recorder = field(default_factory=Recorder)

    @classmethod
    @asynccontextmanager
    async def open(cls, directory: Path, clock: Clock | None = None) -> AsyncIterator[Self]:
        clock = clock or SystemClock()
        docker = DockerConfig(host="unix:///nowhere", platform=AMD64)
        config = RegistryConfig(directory / "config.json", retry_base_ms=1, retry_max_ms=10)
        patience = Timeouts(connect_seconds=1, total_seconds=1)
        async with (
            FakeRegistry() as registry,
            CountingDatabase.open(migrated(directory / "dockrev.sqlite3")) as database,
            Engine.open(docker) as engine,
            open_http(config, clock, timeouts=patience) as http,
        ):
            client = RegistryClient(config, clock, http)
            stacks, images = StackStore(database, clock), ImageStore(database, clock)
            versions = VersionStore(database)
            views = StackViews(
                stacks,
                images,
                versions,
                IgnoreStore(database, clock),
                HostDirectory([host_of(engine, docker.platform)]),
                clock,
            )
            checker = Checker(client, database, stacks, images, views, clock)
            yield cls(registry, database, stacks, images, versions, views, checker)

    def runs(self, name: str, repository: str, tag: str, *digests: Digest) -> ObservedService:
        return observed_service(name, f"{self.registry.host}/{repository}:{tag}", running(*digests))

    async def stack(self, project: str = "blog", *services: ObservedService) -> str:
        seen = observed(project, **{service.name: service for service in services})
        return (await self.stacks.sync(seen)).stack_id

    async def services(self) -> list[Service]:
        return [service for stack in await self.stacks.all() for service in stack.services]

    async def check(self, selected: Sequence[Service] | None = None) -> CheckReport:
        return await self.checker.check(await self.services() if selected is None else selected, self.watcher)

    async def states(self) -> dict[str, UpdateState]:
        """The update states by the name of the service."""
        return {view.service.name: view.state for stack in await self.views.all() for view in stack.services}
