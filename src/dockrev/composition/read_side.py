"""Builds the parts that scan hosts, ask registries and find versions, without jobs and web framework."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from dockrev.clock import Clock
from dockrev.config.server import Config
from dockrev.config.shared import DockerConfig
from dockrev.db.database import Database
from dockrev.discovery.scan import Scanner
from dockrev.discovery.scanners import Scanners
from dockrev.discovery.store import ProjectStore
from dockrev.hosts.directory import HostDirectory
from dockrev.hosts.host import Host
from dockrev.hosts.local import LOCAL
from dockrev.hosts.store import add_missing_hosts
from dockrev.ignores.store import IgnoreStore
from dockrev.images.store import ImageStore
from dockrev.inference.service_images import ServiceImages
from dockrev.inference.version_inference import VersionInference
from dockrev.registry.client import RegistryClient, open_http
from dockrev.settings.cipher import SecretCipher
from dockrev.settings.store import SettingsStore
from dockrev.stacks.store import StackStore
from dockrev.stacks.views import StackViews
from dockrev.update_checks.checker import Checker
from dockrev.versions.store import VersionStore

_NO_HOSTS: Mapping[str, DockerConfig] = {}


@dataclass(frozen=True, slots=True)
class ReadSide:
    config: Config
    clock: Clock
    database: Database
    registry: RegistryClient
    hosts: HostDirectory
    settings: SettingsStore
    stacks: StackStore
    projects: ProjectStore
    images: ImageStore
    versions: VersionStore
    ignores: IgnoreStore
    views: StackViews
    service_images: ServiceImages
    inference: VersionInference
    scanners: Scanners
    checker: Checker

    @property
    def host(self) -> Host:
        return self.hosts.local


@asynccontextmanager
async def open_read_side(
    config: Config, clock: Clock, db_path: Path, other_hosts: Mapping[str, DockerConfig] = _NO_HOSTS
) -> AsyncIterator[ReadSide]:
    """Raises StorageError for the database, and ConfigError for missing files of the configuration."""
    async with (
        Database.open(db_path) as database,
        _open_hosts({LOCAL: config.docker, **other_hosts}, config, clock) as hosts,
        open_http(config.registry, clock) as http,
    ):
        registry = RegistryClient(config.registry, clock, http)
        settings = SettingsStore(database, clock, SecretCipher(config.secret_key, config.secret_key_file))
        await settings.check_key()
        await add_missing_hosts(database, hosts)
        stacks, projects = StackStore(database, clock), ProjectStore(database, clock)
        images, versions = ImageStore(database, clock), VersionStore(database)
        ignores = IgnoreStore(database, clock)
        views = StackViews(stacks, images, versions, ignores, hosts, clock)
        service_images = ServiceImages(stacks, views)
        yield ReadSide(
            config=config,
            clock=clock,
            database=database,
            registry=registry,
            hosts=hosts,
            settings=settings,
            stacks=stacks,
            projects=projects,
            images=images,
            versions=versions,
            ignores=ignores,
            views=views,
            service_images=service_images,
            inference=VersionInference.assemble(
                database, registry, http.limits.counter, images, versions, views, service_images, clock
            ),
            scanners=Scanners(Scanner(host, stacks, projects, clock) for host in hosts),
            checker=Checker(registry, database, stacks, images, views, clock),
        )


@asynccontextmanager
async def _open_hosts(
    engines: Mapping[str, DockerConfig], config: Config, clock: Clock
) -> AsyncIterator[HostDirectory]:
    """`engines` has the engine of each host by the host's id."""
    own_image = config.updates.own_image
    async with AsyncExitStack() as opened:
        yield HostDirectory(
            [
                await opened.enter_async_context(Host.open(host_id, engine, clock, own_image=own_image))
                for host_id, engine in engines.items()
            ]
        )
