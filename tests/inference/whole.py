"""Discovery, checks and version inference, built as the server builds them, but without an engine."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

from dockrev.clock import Clock
from dockrev.composition.read_side import ReadSide, open_read_side
from dockrev.config.server import Config
from dockrev.config.shared import AuthConfig
from dockrev.inference.routes import InferenceRoutes
from dockrev.oci.digest import Digest
from dockrev.stacks.models import Service
from dockrev.stacks.routes import StackRoutes
from dockrev.update_checks.models import CheckReport, CheckStep
from dockrev.versions.models import DigestKey
from dockrev.web.application import create_web_app
from dockrev.web.shutdown import Shutdown
from tests.fakes.registry import FakeRegistry
from tests.inference.building import AMD64
from tests.stacks.building import observed, observed_service, running
from tests.web.asgi import ask


class _Unwatched:
    def step(self, step: CheckStep) -> None:
        """Does nothing."""

    async def pausing(self, until: object, services: int) -> None:
        """Does nothing."""


@dataclass(frozen=True, slots=True)
class Whole:
    core: ReadSide
    registry: FakeRegistry

    @classmethod
    @asynccontextmanager
    async def open(cls, directory: Path, clock: Clock, registry: FakeRegistry) -> AsyncIterator[Self]:
        """A second call with the same directory stands for the start of the next process."""
        settings = {"DOCKER_HOST": "unix:///nowhere", "DOCKREV_HOST_PLATFORM": str(AMD64)}
        config = Config.from_env(settings | {"DOCKREV_DOCKER_CONFIG": str(directory / "config.json")})
        config = replace(config, registry=replace(config.registry, retry_base_ms=1, retry_max_ms=10))
        async with open_read_side(config, clock, directory / "dockrev.sqlite3") as core:
            await core.inference.load()
            yield cls(core, registry)

    def at_work(self) -> AbstractAsyncContextManager[None]:
        return self.core.inference.at_work()

    async def wait_done(self) -> None:
        """Waits until the queue has done all its lookups."""
        async with asyncio.timeout(10):
            await self.core.inference.queue.wait_done([task.key for task in self.core.inference.queue.tasks])

    async def stack(self, version: str | None = None, /, **digests: Digest) -> str:
        """Adds a stack with a service `name` for each image `name:latest`. Returns the id of the stack.

        `version`: the version label of the running images.
        """
        seen = {
            name: observed_service(
                name, f"{self.registry.host}/{name}:latest", running(digest, version=version)
            )
            for name, digest in digests.items()
        }
        return (await self.core.stacks.sync(observed("blog", **seen))).stack_id

    async def services(self) -> dict[str, Service]:
        """The services by name."""
        stacks = await self.core.stacks.all()
        return {service.name: service for stack in stacks for service in stack.services}

    async def check(self) -> CheckReport:
        return await self.core.checker.check(list((await self.services()).values()), _Unwatched())

    async def names(self, patience_seconds: float = 10.0) -> dict[str, tuple[str, str]]:
        """The displayed versions of current and candidate, by the name of the service."""
        services = await self.services()
        ids = [service.id for service in services.values()]
        versions = await self.core.inference.display_versions.of(ids, patience_seconds)
        return {name: versions[service.id] for name, service in services.items()}

    async def detail(self, stack_id: str) -> dict[str, Mapping[str, Any]]:
        """The services as the API shows them, by name."""
        shown = await self.get(f"/api/stacks/{stack_id}")
        return {service["name"]: service for service in shown["stack"]["services"]}

    async def get(self, path: str, status: int = 200) -> dict[str, Any]:
        core, inference = self.core, self.core.inference
        stacks = StackRoutes(core.stacks, core.views, inference.queue.request)
        versions = InferenceRoutes(
            inference.queue,
            core.versions,
            core.service_images,
            inference.full_scan,
            core.registry,
            inference.events,
            Shutdown(),
            core.clock,
        )
        app = create_web_app([stacks.router, versions.router], AuthConfig(), "1.0")
        answer = await ask(app, "GET", path)
        assert answer.status == status
        await inference.queue.enqueue_requested()
        await inference.full_scan.store_learned()
        document: dict[str, Any] = answer.json()
        return document

    def key(self, repository: str, digest: Digest) -> DigestKey:
        return DigestKey(f"{self.registry.host}/{repository}", digest, AMD64)

    @property
    def queued(self) -> Sequence[DigestKey]:
        return [task.key for task in self.core.inference.queue.tasks]
