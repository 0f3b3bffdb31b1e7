"""The composition root: everything is built here, once, and stopped in reverse order."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import structlog
import tzlocal
from fastapi import FastAPI

from dockrev.checks.checker import Checker
from dockrev.checks.deferred import DeferredChecks
from dockrev.checks.jobs import CheckJobs
from dockrev.checks.routes import CheckRoutes
from dockrev.clock import Clock
from dockrev.config import Config
from dockrev.db.database import Database
from dockrev.db.lock import only_server
from dockrev.discovery.effective import FoundCompose
from dockrev.discovery.jobs import JOB_TYPE as DISCOVERY
from dockrev.discovery.jobs import DiscoveryJob
from dockrev.discovery.observe import Observer
from dockrev.discovery.routes import DiscoveryRoutes
from dockrev.discovery.scan import Scanner
from dockrev.discovery.store import ProjectStore
from dockrev.discovery.watch import DiscoveryWatch
from dockrev.docker.engine import Engine
from dockrev.docker.host import HostPlatform
from dockrev.images.store import ImageStore
from dockrev.jobs.feed import LogFeed
from dockrev.jobs.retention import JobRetention
from dockrev.jobs.routes import JobRoutes
from dockrev.jobs.runner import JobRunner
from dockrev.jobs.schedules import Plan, Schedule
from dockrev.jobs.store import JobStore
from dockrev.jobs.streams import JobStreams
from dockrev.jobs.ticks import TickStore
from dockrev.registry.client import RegistryClient
from dockrev.stacks.appraisal import Appraiser
from dockrev.stacks.routes import StackRoutes
from dockrev.stacks.store import StackStore
from dockrev.system.readiness import Readiness, database_probe
from dockrev.system.routes import SystemRoutes
from dockrev.system.settings import SettingsStore
from dockrev.web.application import create_web_app
from dockrev.web.listen import listen
from dockrev.web.server import WebServer
from dockrev.web.shutdown import Shutdown

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Core:
    """What finds and checks, without a server around it."""

    config: Config
    clock: Clock
    database: Database
    engine: Engine
    stacks: StackStore
    projects: ProjectStore
    images: ImageStore
    appraiser: Appraiser
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
        images = ImageStore(database, clock)
        appraiser = Appraiser(stacks, images, HostPlatform(engine, config.docker.platform))
        observer = Observer(FoundCompose(config.docker, clock))
        yield Core(
            config=config,
            clock=clock,
            database=database,
            engine=engine,
            stacks=stacks,
            projects=projects,
            images=images,
            appraiser=appraiser,
            scanner=Scanner(engine, observer, stacks, projects, clock),
            checker=Checker(registry, database, stacks, images, appraiser, clock),
        )


@dataclass(frozen=True, slots=True)
class Dockrev:
    """The server's parts, ready to serve."""

    web: FastAPI
    shutdown: Shutdown


@asynccontextmanager
async def open_server(config: Config, clock: Clock) -> AsyncIterator[Dockrev]:
    """Closes what an earlier process left unfinished, and keeps the background work going meanwhile."""
    with only_server(config.db_path):
        async with open_core(config, clock, config.db_path) as core:
            feed = LogFeed()
            jobs = JobStore(core.database, feed, clock)
            runner = JobRunner(jobs, clock, config.db_path.with_suffix(".workflows.sqlite3"))
            runner.handles(DISCOVERY, DiscoveryJob(core.scanner, config.discovery.max_actions).run)
            checks = CheckJobs(runner, core.checker, core.stacks, core.scanner.scan)
            await runner.start()
            try:
                async with _in_background(core, jobs, runner, checks) as watch:
                    shutdown = Shutdown()
                    routes = JobRoutes(jobs, JobStreams(jobs, feed), runner, shutdown)
                    yield Dockrev(_web(core, runner, checks, watch, routes), shutdown)
            finally:
                await runner.stop()


@asynccontextmanager
async def _in_background(
    core: Core, jobs: JobStore, runner: JobRunner, checks: CheckJobs
) -> AsyncIterator[DiscoveryWatch]:
    settings = SettingsStore(core.database, core.clock)
    watch = DiscoveryWatch(core.engine, core.scanner, core.config.discovery.interval_seconds)
    scheduled = Schedule(
        "update_check",
        plan=lambda: _check_plan(settings),
        action=checks.start_scheduled,
        ticks=TickStore(core.database),
        clock=core.clock,
        zone=tzlocal.get_localzone(),
    )
    async with asyncio.TaskGroup() as group:
        work = [
            group.create_task(watch.run()),
            group.create_task(scheduled.run()),
            group.create_task(DeferredChecks(checks, core.images, core.clock).run()),
            group.create_task(JobRetention(jobs, runner, core.clock).run()),
        ]
        try:
            yield watch
        finally:
            for task in work:
                task.cancel()


async def _check_plan(settings: SettingsStore) -> Plan:
    schedule = (await settings.schedules()).update_check
    return Plan(schedule.enabled, schedule.cron)


def _web(
    core: Core, runner: JobRunner, checks: CheckJobs, watch: DiscoveryWatch, job_routes: JobRoutes
) -> FastAPI:
    async def engine() -> str:
        found = await core.engine.describe()
        return f"{found.name} {found.version} ({found.platform})"

    readiness = Readiness(
        {
            "engine": engine,
            "database": database_probe(core.database),
            "jobs": runner.probe,
            "discovery": watch.probe,
        }
    )
    routes = (
        SystemRoutes(core.config.version, readiness),
        StackRoutes(core.stacks, core.appraiser),
        DiscoveryRoutes(core.projects, runner),
        CheckRoutes(checks),
        job_routes,
    )
    return create_web_app([one.router for one in routes], core.config.auth, core.config.version)


async def serve(config: Config, clock: Clock) -> None:
    """Until SIGTERM or SIGINT. Raises ConfigError or StorageError when it cannot start."""
    with listen(config.http) as sock:
        async with open_server(config, clock) as dockrev:
            log.info("Dockrev is listening", action="server.started", address=str(config.http))
            await WebServer(dockrev.web, config.http, dockrev.shutdown).serve([sock])
            log.info("Dockrev is stopping", action="server.stopping")
