"""What finds, checks, names and updates, put together without a server around it."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from dockrev.backups.backups import Backups
from dockrev.checks.checker import Checker
from dockrev.checks.models import Step
from dockrev.clock import Clock
from dockrev.config import Config
from dockrev.db.database import Database
from dockrev.discovery.effective import FoundCompose
from dockrev.discovery.models import ActionKind
from dockrev.discovery.observe import Observer
from dockrev.discovery.reader import ProjectReader
from dockrev.discovery.scan import Scanner
from dockrev.discovery.store import ProjectStore
from dockrev.docker.disk import Disk
from dockrev.docker.engine import Engine
from dockrev.docker.host import HostPlatform
from dockrev.docker.inspect import Inspection
from dockrev.docker.lifecycle import Lifecycle
from dockrev.docker.own_container import OwnContainer, traces_of_this_process
from dockrev.docker.pulling import Pulling
from dockrev.docker.recreation import Recreation
from dockrev.docker.tagging import Tagging
from dockrev.ignores.store import IgnoreStore
from dockrev.images.store import ImageStore
from dockrev.inference.parts import InferenceParts
from dockrev.inference.stack_demand import StackDemand
from dockrev.jobs.feed import LogFeed
from dockrev.jobs.runner import JobRunner
from dockrev.jobs.store import JobStore
from dockrev.registry.client import RegistryClient
from dockrev.registry.credentials import CredentialStore
from dockrev.stacks.appraisal import AppraisedService, Appraiser
from dockrev.stacks.models import Service
from dockrev.stacks.store import StackStore
from dockrev.system.settings import SettingsStore
from dockrev.updates.collaborators import Tools
from dockrev.updates.jobs import UpdateJobs
from dockrev.updates.logins import Logins
from dockrev.updates.reservations import Reservations
from dockrev.updates.saving import UpdateBackups
from dockrev.updates.store import UpdateStore
from dockrev.updates.verify import Patience
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
    own: OwnContainer
    compose: FoundCompose
    settings: SettingsStore
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
        compose = FoundCompose(config.docker, clock)
        yield Core(
            config=config,
            clock=clock,
            database=database,
            engine=engine,
            registry=registry,
            host=host,
            own=OwnContainer(engine, config.updates.own_image, traces_of_this_process()),
            compose=compose,
            settings=SettingsStore(database, clock),
            stacks=stacks,
            projects=projects,
            images=images,
            versions=versions,
            ignores=ignores,
            appraiser=appraiser,
            demand=demand,
            inference=InferenceParts.assemble(database, registry, images, versions, appraiser, demand, clock),
            scanner=Scanner(engine, Observer(compose), stacks, projects, clock),
            checker=Checker(registry, database, stacks, images, appraiser, clock),
        )


@dataclass(frozen=True, slots=True)
class Works:
    """Jobs, and updates as one kind of them."""

    feed: LogFeed
    jobs: JobStore
    runner: JobRunner
    backups: Backups
    updates: UpdateJobs

    async def repair(self) -> None:
        """Before the runner starts: what a crash left half done goes, but for what a job goes on with."""
        await self.backups.repair()
        await self.updates.repair()


def assemble_works(core: Core, db_path: Path) -> Works:
    feed = LogFeed()
    jobs = JobStore(core.database, feed, core.clock)
    runner = JobRunner(jobs, core.clock, db_path.with_suffix(".workflows.sqlite3"))
    backups = Backups.of(core.engine, core.database, core.settings, core.clock, core.own)
    updates = UpdateJobs(
        runner,
        jobs,
        UpdateStore(core.database, core.clock),
        Reservations(core.database),
        core.appraiser,
        _tools(core),
        UpdateBackups(backups, core.stacks, core.settings),
    )
    return Works(feed, jobs, runner, backups, updates)


def _tools(core: Core) -> Tools:
    engine, config = core.engine, core.config
    return Tools(
        projects=ProjectReader(engine, core.compose),
        registry=core.registry,
        login=Logins(CredentialStore(config.registry.credentials_file, core.clock)).find,
        inspection=Inspection(engine),
        lifecycle=Lifecycle(engine),
        recreation=Recreation(engine),
        pulling=Pulling(engine),
        tagging=Tagging(engine),
        disk=Disk(engine),
        platform=core.host.get,
        own=core.own.get,
        engine_answers=core.engine.describe,
        look_around=core.scanner.scan,
        appraised=lambda stack_id, service_id: _seen_anew(core, stack_id, service_id),
        clock=core.clock,
        patience=lambda: _patience(core.settings),
        retries=config.updates,
    )


async def _seen_anew(core: Core, stack_id: str, service_id: str) -> AppraisedService | None:
    """As its registry says now; a registry that does not answer leaves what was known."""
    if known := await core.appraiser.service(stack_id, service_id):
        await Registries(core.checker).check([known.service])
    return await core.appraiser.service(stack_id, service_id)


async def _patience(settings: SettingsStore) -> Patience:
    chosen = await settings.updates()
    return Patience(
        stability=timedelta(seconds=chosen.stability_seconds),
        longest=timedelta(seconds=chosen.health_deadline_cap_seconds),
    )


class Registries:
    """A check without anybody watching, for those who need its answers only."""

    def __init__(self, checker: Checker) -> None:
        self._checker = checker

    async def check(self, services: Sequence[Service]) -> Sequence[str]:
        report = await self._checker.check(services, _Unwatched())
        unanswered = (*report.failed, *report.deferred)
        return [f"{one.service.name} ({one.service.image_ref}): {one.error.message}" for one in unanswered]


class _Unwatched:
    def step(self, step: Step) -> None:
        del step

    async def pausing(self, until: datetime, services: int) -> None:
        del until, services


async def troubles_seen(scanner: Scanner) -> Mapping[str, str]:
    """Looks around; answers what is wrong with which stack."""
    result = await scanner.scan()
    failed = (action for action in result.actions if action.kind is ActionKind.FAILED)
    return {action.stack_id: action.reason or "" for action in failed if action.stack_id}
