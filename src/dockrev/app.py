"""The composition root: everything is built here, once, and stopped in reverse order."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import structlog
import tzlocal
from fastapi import FastAPI

from dockrev.assembly import Core, open_core
from dockrev.checks.deferred import DeferredChecks
from dockrev.checks.jobs import CheckJobs
from dockrev.checks.routes import CheckRoutes
from dockrev.clock import Clock
from dockrev.config import Config
from dockrev.db.lock import only_server
from dockrev.discovery.jobs import JOB_TYPE as DISCOVERY
from dockrev.discovery.jobs import DiscoveryJob
from dockrev.discovery.routes import DiscoveryRoutes
from dockrev.discovery.watch import DiscoveryWatch
from dockrev.ignores.routes import IgnoreRoutes
from dockrev.inference.routes import InferenceRoutes
from dockrev.jobs.feed import LogFeed
from dockrev.jobs.retention import JobRetention
from dockrev.jobs.routes import JobRoutes
from dockrev.jobs.runner import JobRunner
from dockrev.jobs.schedules import Plan, Schedule
from dockrev.jobs.store import JobStore
from dockrev.jobs.streams import JobStreams
from dockrev.jobs.ticks import TickStore
from dockrev.stacks.routes import StackRoutes
from dockrev.system.readiness import Readiness, database_probe
from dockrev.system.routes import SystemRoutes
from dockrev.system.settings import SettingsStore
from dockrev.web.application import create_web_app
from dockrev.web.body import ApiRouter
from dockrev.web.listen import listen
from dockrev.web.server import WebServer
from dockrev.web.shutdown import Shutdown

log = structlog.get_logger()


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
            checks = CheckJobs(runner, core.checker, core.stacks, core.scanner.scan, core.inference.names.of)
            await core.inference.load()
            await runner.start()
            try:
                async with _in_background(core, jobs, runner, checks) as watch:
                    shutdown = Shutdown()
                    routers = [
                        *_feature_routers(core, runner, checks, shutdown),
                        SystemRoutes(config.version, _readiness(core, runner, watch)).router,
                        JobRoutes(jobs, JobStreams(jobs, feed), shutdown).router,
                    ]
                    yield Dockrev(create_web_app(routers, config.auth, config.version), shutdown)
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
            group.create_task(core.inference.run()),
        ]
        try:
            yield watch
        finally:
            for task in work:
                task.cancel()


async def _check_plan(settings: SettingsStore) -> Plan:
    schedule = (await settings.schedules()).update_check
    return Plan(schedule.enabled, schedule.cron)


def _feature_routers(
    core: Core, runner: JobRunner, checks: CheckJobs, shutdown: Shutdown
) -> Sequence[ApiRouter]:
    inference = core.inference
    versions = InferenceRoutes(
        inference.queue,
        core.versions,
        core.demand,
        inference.live,
        core.registry,
        inference.events,
        shutdown,
        core.clock,
    )
    return [
        StackRoutes(core.stacks, core.appraiser, inference.look_into).router,
        IgnoreRoutes(core.ignores).router,
        versions.router,
        DiscoveryRoutes(core.projects, runner).router,
        CheckRoutes(checks).router,
    ]


def _readiness(core: Core, runner: JobRunner, watch: DiscoveryWatch) -> Readiness:
    async def engine() -> str:
        found = await core.engine.describe()
        return f"{found.name} {found.version} ({found.platform})"

    return Readiness(
        {
            "engine": engine,
            "database": database_probe(core.database),
            "jobs": runner.probe,
            "discovery": watch.probe,
        }
    )


async def serve(config: Config, clock: Clock) -> None:
    """Until SIGTERM or SIGINT. Raises ConfigError or StorageError when it cannot start."""
    with listen(config.http) as sock:
        async with open_server(config, clock) as dockrev:
            log.info("Dockrev is listening", action="server.started", address=str(config.http))
            await WebServer(dockrev.web, config.http, dockrev.shutdown).serve([sock])
            log.info("Dockrev is stopping", action="server.stopping")
