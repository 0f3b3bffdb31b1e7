"""
A registry, and an engine with installed services, which run for one measurement.

    async with Scenario(images=100, tags=200, floating=30).open() as rig:
        ...  # start the product with rig.environment, then compare its answers with rig.expectations
"""

import base64
import os
import socket
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import orjson

from bench.catalogue import Quirk, repositories
from bench.child import child, spare_cpu
from bench.control import EngineControl, RegistryControl
from bench.expectation import Expectation, expect
from bench.installation import FORMAT, Installation, InstalledService, LocalImage, install
from bench.registry_options import BASIC_PASSWORD, BASIC_USER, Behaviour, Stock, arguments
from bench.shelf import Shelf
from bench.traffic import TrafficReport
from bench.truth import RepositoryTruth, truth_of

LATENCY_MS = 20.0
SLOW_LATENCY_MS = 2_000.0

Truth = Mapping[str, RepositoryTruth]


@dataclass(frozen=True, slots=True)
class Scenario:
    """Every service has its own repository unless `services_per_image` says otherwise."""

    images: int = 100
    tags: int = 200
    floating: int = 30
    """The number of images on `latest`, pulled one release ago. The others are on version tags."""
    outdated: int = 0
    """The number of images on version tags that have a newer version."""
    single_platform: int = 0
    """The percentage of images with only one platform, which only their config blob names."""
    services_per_image: int = 1
    slow_images: int = 0
    """The number of additional images on a registry that takes two seconds for each answer."""
    dead_images: int = 0
    """The number of additional images on a registry that refuses connections."""
    odd_repositories: bool = False
    """Adds six images: three with 5,000 tags, one not found, one failing, one with unsorted tags."""
    behaviour: Behaviour = field(default_factory=lambda: Behaviour(latency=LATENCY_MS))

    @asynccontextmanager
    async def open(self) -> "AsyncIterator[Rig]":
        """Starts the servers, and stops them when the block ends. Raises ChildFailed."""
        async with AsyncExitStack() as stack:
            directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="dockrev-bench-")))
            main = await stack.enter_async_context(_registry(self.stock, self.behaviour))
            hosts: dict[str, RegistryControl | None] = {main.host: main}
            images = self._main_images(main.host, main.truth)
            if self.slow_images:
                behaviour = Behaviour(latency=SLOW_LATENCY_MS, handshake_rtts=0)
                slow = await stack.enter_async_context(_registry(self._extra("slow"), behaviour))
                hosts[slow.host] = slow
                images += _further_images(slow.host, slow.truth)
            if self.dead_images:
                dead = stack.enter_context(_closed_port())
                hosts[dead] = None
                images += _further_images(dead, _offline_truth(self._extra("dead")))
            installation = install(images, directory / "projects")
            engine = await stack.enter_async_context(_engine(installation, directory))
            environment = _environment(directory, engine.docker_host, main.host)
            yield Rig(main, engine, installation, environment, directory, hosts)

    @property
    def stock(self) -> Stock:
        return Stock(images=self.images, tags=self.tags, single_platform=self.single_platform)

    def _extra(self, host: str) -> Stock:
        """The stock of another registry. Its own seed gives it other content."""
        images = self.slow_images if host == "slow" else self.dead_images
        return Stock(host, images, self.tags, self.single_platform)

    def _main_images(self, host: str, truth: Truth) -> list[LocalImage]:
        plain = [each for each in truth.values() if each.name.startswith("bench/")]
        images = _local_images(host, plain, self.floating, self.outdated) * self.services_per_image
        if self.odd_repositories:
            odd = [each for each in truth.values() if each.quirk is not Quirk.NONE]
            images += _local_images(host, odd, len(odd), 0)
        return images


@dataclass(frozen=True, slots=True)
class Rig:
    """A running scenario. Times are only comparable if the product and the servers run on different cores."""

    registry: RegistryControl
    engine: EngineControl
    installation: Installation
    environment: Mapping[str, str]
    """All environment variables for a process of the product."""
    directory: Path
    """A directory that holds only the files of the scenario. It is removed at the end."""
    hosts: Mapping[str, RegistryControl | None]
    """All registries of installed images. None for a registry that refuses connections."""

    @property
    def docker_host(self) -> str:
        return self.engine.docker_host

    @property
    def registry_host(self) -> str:
        return self.registry.host

    @property
    def truth(self) -> Truth:
        return self.registry.truth

    @property
    def expectations(self) -> tuple[Expectation, ...]:
        """The expected result of a check now, for each installed service."""
        return tuple(self._expect(service) for service in self.installation)

    def _expect(self, service: InstalledService) -> Expectation:
        control = self.hosts[service.image.registry]
        return expect(service, None if control is None else control.truth)

    async def stats(self) -> TrafficReport:
        """The requests to the main registry since its start or since `reset`."""
        return await self.registry.stats()

    async def reset(self) -> None:
        """Clears the counts of the registries and of the engine. Releases and tokens stay."""
        for control in filter(None, self.hosts.values()):
            await control.reset()
        await self.engine.reset()

    async def move(self, repositories: Sequence[str]) -> None:
        """Publishes the next release of each repository in the main registry. The expectations follow."""
        await self.registry.move(repositories)


@asynccontextmanager
async def _registry(stock: Stock, behaviour: Behaviour) -> AsyncIterator[RegistryControl]:
    flags = ["--http", "0", *arguments(stock), *arguments(behaviour)]
    async with (
        child("bench.synthetic_registry", flags, spare_cpu()) as host,
        RegistryControl.open(host) as control,
    ):
        yield control


@asynccontextmanager
async def _engine(installation: Installation, directory: Path) -> AsyncIterator[EngineControl]:
    handed = directory / "installation.json"
    handed.write_bytes(FORMAT.dump_json(installation))
    flags = ["--socket", str(directory / "docker.sock"), "--installation", str(handed)]
    async with (
        child("bench.fake_engine", flags, spare_cpu()) as docker_host,
        EngineControl.open(docker_host) as control,
    ):
        yield control


@contextmanager
def _closed_port() -> Iterator[str]:
    """An address that refuses connections, and that no other process can use meanwhile."""
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{reserved.getsockname()[1]}"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _offline_truth(stock: Stock) -> Truth:
    return {
        repository.name: truth_of(Shelf(stock.seed, repository))
        for repository in repositories(stock.images, stock.tags, stock.single_platform)
        if repository.quirk is Quirk.NONE
    }


def _further_images(host: str, truth: Truth) -> list[LocalImage]:
    plain = [each for each in truth.values() if each.quirk is Quirk.NONE]
    return _local_images(host, plain, len(plain) * 3 // 10, 0)


def _local_images(
    host: str, truths: Sequence[RepositoryTruth], floating: int, outdated: int
) -> list[LocalImage]:
    """Spreads floating and outdated images evenly over the repositories."""
    images, pinned = [], 0
    for number, truth in enumerate(truths):
        if _falls_on(number, floating, len(truths)):
            images.append(LocalImage(host, truth.name, "latest", truth.before))
            continue
        behind = _falls_on(pinned, outdated, len(truths) - floating)
        running = truth.before if behind else truth.latest
        images.append(LocalImage(host, truth.name, running.version, running))
        pinned += 1
    return images


def _falls_on(number: int, chosen: int, total: int) -> bool:
    """Whether the number is one of `chosen` numbers that are spread evenly over `total`."""
    return (number + 1) * chosen // total > number * chosen // total


def _environment(directory: Path, docker_host: str, registry_host: str) -> dict[str, str]:
    login = base64.b64encode(f"{BASIC_USER}:{BASIC_PASSWORD}".encode()).decode()
    credentials = directory / "docker-config.json"
    credentials.write_bytes(orjson.dumps({"auths": {registry_host: {"auth": login}}}))
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(directory),
        "DOCKER_HOST": docker_host,
        "DOCKREV_DOCKER_CONFIG": str(credentials),
        "DOCKREV_DB_PATH": str(directory / "dockrev.sqlite3"),
        "DOCKREV_HTTP_ADDR": f"127.0.0.1:{_free_port()}",
    }
