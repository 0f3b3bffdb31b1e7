"""What finds and checks, put together without a server around it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from dockrev.checks.checker import Checker
from dockrev.clock import Clock
from dockrev.config import Config
from dockrev.db.database import Database
from dockrev.discovery.effective import FoundCompose
from dockrev.discovery.observe import Observer
from dockrev.discovery.scan import Scanner
from dockrev.discovery.store import ProjectStore
from dockrev.docker.engine import Engine
from dockrev.docker.host import HostPlatform
from dockrev.ignores.store import IgnoreStore
from dockrev.images.store import ImageStore
from dockrev.inference.parts import InferenceParts
from dockrev.inference.stack_demand import StackDemand
from dockrev.registry.client import RegistryClient
from dockrev.stacks.appraisal import Appraiser
from dockrev.stacks.store import StackStore
from dockrev.versions.store import VersionStore


@dataclass(frozen=True, slots=True)
class Core:
    """What finds, checks and names."""

    config: Config
    clock: Clock
    database: Database
    engine: Engine
    registry: RegistryClient
    host: HostPlatform
    stacks: StackStore
    projects: ProjectStore
    images: ImageStore
    versions: VersionStore
    ignores: IgnoreStore
    appraiser: Appraiser
    demand: StackDemand
    inference: InferenceParts
    scanner: Scanner
    checker: Checker


@asynccontextmanager
async def open_core(config: Config, clock: Clock, db_path: Path) -> AsyncIterator[Core]:
    """Raises StorageError for the database, ConfigError for what the environment names and is not there."""
    async with (
        Database.open(db_path) as database,
        Engine.open(config.docker) as engine,
        RegistryClient.open(config.registry, clock) as registry,
    ):
        stacks, projects = StackStore(database, clock), ProjectStore(database, clock)
        images, versions = ImageStore(database, clock), VersionStore(database)
        ignores = IgnoreStore(database, clock)
        host = HostPlatform(engine, config.docker.platform)
        appraiser = Appraiser(stacks, images, versions, ignores, host, clock)
        demand = StackDemand(stacks, appraiser, host)
        observer = Observer(FoundCompose(config.docker, clock))
        yield Core(
            config=config,
            clock=clock,
            database=database,
            engine=engine,
            registry=registry,
            host=host,
            stacks=stacks,
            projects=projects,
            images=images,
            versions=versions,
            ignores=ignores,
            appraiser=appraiser,
            demand=demand,
            inference=InferenceParts.assemble(database, registry, images, versions, appraiser, demand, clock),
            scanner=Scanner(engine, observer, stacks, projects, clock),
            checker=Checker(registry, database, stacks, images, appraiser, clock),
        )
