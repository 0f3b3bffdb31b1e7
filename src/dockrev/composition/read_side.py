"""Builds what finds projects, asks registries and names versions, without jobs and web framework."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from dockrev.clock import Clock
from dockrev.config import Config
from dockrev.db.database import Database
from dockrev.discovery.observe import Observer
from dockrev.discovery.scan import Scanner
from dockrev.discovery.store import ProjectStore
from dockrev.hosts.host import LOCAL, Host
from dockrev.ignores.store import IgnoreStore
from dockrev.images.store import ImageStore
from dockrev.inference.stack_demand import StackDemand
from dockrev.inference.version_inference import VersionInference
from dockrev.registry.client import RegistryClient, open_http
from dockrev.settings.cipher import SecretCipher
from dockrev.settings.store import SettingsStore
from dockrev.stacks.store import StackStore
from dockrev.stacks.views import StackViews
from dockrev.update_checks.checker import Checker
from dockrev.versions.store import VersionStore


@dataclass(frozen=True, slots=True)
class ReadSide:
    config: Config
    clock: Clock
    database: Database
    registry: RegistryClient
    host: Host
    settings: SettingsStore
    stacks: StackStore
    projects: ProjectStore
    images: ImageStore
    versions: VersionStore
    ignores: IgnoreStore
    views: StackViews
    demand: StackDemand
    inference: VersionInference
    scanner: Scanner
    checker: Checker


@asynccontextmanager
async def open_read_side(config: Config, clock: Clock, db_path: Path) -> AsyncIterator[ReadSide]:
    """Raises StorageError for the database, ConfigError for what the environment names and is not there."""
    async with (
        Database.open(db_path) as database,
        Host.open(LOCAL, config.docker, clock, own_image=config.updates.own_image) as host,
        open_http(config.registry, clock) as http,
    ):
        registry = RegistryClient(config.registry, clock, http)
        settings = SettingsStore(database, clock, SecretCipher(config.secret_key, config.secret_key_file))
        await settings.check_key()
        stacks, projects = StackStore(database, clock), ProjectStore(database, clock)
        images, versions = ImageStore(database, clock), VersionStore(database)
        ignores = IgnoreStore(database, clock)
        views = StackViews(stacks, images, versions, ignores, host, clock)
        demand = StackDemand(stacks, views, host)
        yield ReadSide(
            config=config,
            clock=clock,
            database=database,
            registry=registry,
            host=host,
            settings=settings,
            stacks=stacks,
            projects=projects,
            images=images,
            versions=versions,
            ignores=ignores,
            views=views,
            demand=demand,
            inference=VersionInference.assemble(
                database, registry, http.limits.counter, images, versions, views, demand, clock
            ),
            scanner=Scanner(host.engine, Observer(host.compose), stacks, projects, clock),
            checker=Checker(registry, database, stacks, images, views, clock),
        )
