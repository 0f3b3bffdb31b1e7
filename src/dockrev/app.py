"""The server: everything is built here, once, and stopped in reverse order."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial

import structlog
import tzlocal
from fastapi import FastAPI

from dockrev.assembly import Core, open_core, troubles_seen
from dockrev.background import every, running
from dockrev.clock import Clock
from dockrev.config import Config
from dockrev.db.lock import only_server
from dockrev.discovery.jobs import DiscoveryJobs
from dockrev.discovery.routes import DiscoveryRoutes
from dockrev.discovery.watch import DiscoveryWatch
from dockrev.ignores.invalid_rules import log_invalid_rules
from dockrev.ignores.routes import IgnoreRoutes
from dockrev.inference.routes import InferenceRoutes
from dockrev.jobs.retention import delete_old_jobs
from dockrev.jobs.routes import JobRoutes
from dockrev.jobs.schedule_runs import TickStore
from dockrev.jobs.schedules import Plan, Schedule
from dockrev.jobs.streams import JobStreams
from dockrev.runtime_scans.jobs import RuntimeScanJobs
from dockrev.runtime_scans.routes import RuntimeScanRoutes
from dockrev.self_checks.check import SelfCheck
from dockrev.self_checks.database import check_database
from dockrev.self_checks.engine import check_engine
from dockrev.self_checks.routes import MonitoringRoutes
from dockrev.self_checks.workers import check_worker
from dockrev.stacks.routes import StackRoutes
from dockrev.stacks.settings_routes import SettingsRoutes
from dockrev.update_checks.deferred import DeferredChecks
from dockrev.update_checks.jobs import CheckJobs
from dockrev.update_checks.routes import CheckRoutes
from dockrev.update_checks.settings import Schedules
from dockrev.updates.routes import UpdateRoutes
from dockrev.web.application import create_web_app
from dockrev.web.listen import listen
from dockrev.web.router import ApiRouter
from dockrev.web.server import WebServer, cancelled_by_signals
from dockrev.web.shutdown import Shutdown
from dockrev.works import Works, assemble_works

log = structlog.get_logger()

_CLOCK_SECONDS = 20.0
"""How often schedules look at the clock: machines sleep, and clocks are set."""
_JOB_RETENTION_SECONDS = 3600.0
_BACKUPS_SECONDS = 60.0
_RESTART_SECONDS = 10.0
"""Before work that runs without end starts again after a crash."""


@dataclass(frozen=True, slots=True)
class Dockrev:
    """The server's parts, ready to serve."""

    web: FastAPI
    shutdown: Shutdown


@dataclass(frozen=True, slots=True)
class _Looking:
    """The jobs that only look."""

    discovery: DiscoveryJobs
    checks: CheckJobs
    scans: RuntimeScanJobs
    watch: DiscoveryWatch


@asynccontextmanager
async def open_server(config: Config, clock: Clock) -> AsyncIterator[Dockrev]:
    """Closes or resumes what an earlier process left unfinished, and keeps the background work going."""
    with only_server(config.db_path):
        async with open_core(config, clock, config.db_path) as core:
            works = assemble_works(core)
            looking = _looking(core, works)
            await looking.scans.remember()
            await log_invalid_rules(core.ignores)
            await works.repair()
            await core.inference.load()
            try:
                await works.start()
                async with _in_background(core, works, looking):
                    shutdown = Shutdown()
                    yield Dockrev(_web(core, works, looking, shutdown), shutdown)
            finally:
                await works.runner.stop()


def _looking(core: Core, works: Works) -> _Looking:
    runner, config = works.runner, core.config
    return _Looking(
        discovery=DiscoveryJobs(runner, core.scanner, config.discovery.max_actions),
        checks=CheckJobs(runner, core.checker, core.stacks, core.scanner.scan, core.inference.names.of),
        scans=RuntimeScanJobs(
            runner,
            works.jobs,
            core.stacks,
            core.views,
            core.host,
            lambda: troubles_seen(core.scanner),
            core.checker,
        ),
        watch=DiscoveryWatch(core.host.engine, core.scanner, config.discovery.interval_seconds),
    )


@asynccontextmanager
async def _in_background(core: Core, works: Works, looking: _Looking) -> AsyncIterator[None]:
    scheduled = Schedule(
        "update_check",
        plan=lambda: _check_plan(core),
        action=looking.checks.start_scheduled,
        ticks=TickStore(core.database),
        clock=core.clock,
        zone=tzlocal.get_localzone(),
    )
    deferred = DeferredChecks(looking.checks, core.images, core.clock)
    async with running(
        every("discovery", _RESTART_SECONDS, looking.watch.run),
        every("scheduled checks", _CLOCK_SECONDS, scheduled.tick),
        every("deferred checks", _CLOCK_SECONDS, deferred.tick),
        every("runtime scans", core.config.runtime_scan.interval_seconds, looking.scans.start_scheduled),
        every("job retention", _JOB_RETENTION_SECONDS, lambda: delete_old_jobs(works.jobs, core.clock)),
        every("held containers", _BACKUPS_SECONDS, works.backup_recovery.release_rest),
        every("old backups", _BACKUPS_SECONDS, works.backup_retention.purge),
        every("versions", _RESTART_SECONDS, core.inference.run),
    ):
        yield


async def _check_plan(core: Core) -> Plan:
    schedule = (await core.settings.section(Schedules)).update_check
    return Plan(schedule.enabled, schedule.cron)


def _web(core: Core, works: Works, looking: _Looking, shutdown: Shutdown) -> FastAPI:
    routers: Sequence[ApiRouter] = [
        MonitoringRoutes(core.config.version, _readiness_checks(core, works, looking)).router,
        StackRoutes(core.stacks, core.views, core.inference.queue.request).router,
        IgnoreRoutes(core.ignores).router,
        _inference_routes(core, shutdown).router,
        SettingsRoutes(core.stacks).router,
        DiscoveryRoutes(core.projects, looking.discovery).router,
        CheckRoutes(looking.checks).router,
        RuntimeScanRoutes(looking.scans).router,
        UpdateRoutes(works.updates).router,
        JobRoutes(works.jobs, JobStreams(works.jobs, works.feed), works.runner, shutdown).router,
    ]
    return create_web_app(routers, core.config.auth, core.config.version)


def _inference_routes(core: Core, shutdown: Shutdown) -> InferenceRoutes:
    inference = core.inference
    return InferenceRoutes(
        inference.queue,
        core.versions,
        core.demand,
        inference.full_scan,
        core.registry,
        inference.events,
        shutdown,
        core.clock,
    )


def _readiness_checks(core: Core, works: Works, looking: _Looking) -> Mapping[str, SelfCheck]:
    return {
        "engine": partial(check_engine, core.host.engine, core.config.docker.host),
        "database": partial(check_database, core.database),
        "jobs": partial(check_worker, works.runner.probe),
        "discovery": partial(check_worker, looking.watch.probe),
    }


async def serve(config: Config, clock: Clock) -> None:
    """Until SIGTERM or SIGINT; one that comes before it serves cancels it.

    Raises ConfigError or StorageError when it cannot start.
    """
    serve_signals = cancelled_by_signals()
    with listen(config.http) as sock:
        async with open_server(config, clock) as dockrev:
            serve_signals()
            log.info("Dockrev is listening", action="server.started", address=str(config.http))
            await WebServer(dockrev.web, config.http, dockrev.shutdown).serve([sock])
            log.info("Dockrev is stopping", action="server.stopping")
