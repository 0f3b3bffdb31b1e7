"""The server: everything is built here, once, and stopped in reverse order."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial

import structlog
import tzlocal
from fastapi import FastAPI

from dockrev.background import every, running
from dockrev.backups.routes import BackupRoutes
from dockrev.clock import Clock
from dockrev.composition.read_side import ReadSide, open_read_side
from dockrev.composition.write_side import WriteSide, build_write_side
from dockrev.config.server import Config
from dockrev.config.shared import DockerConfig
from dockrev.db.lock import only_server
from dockrev.discovery.jobs import DiscoveryJobs
from dockrev.discovery.routes import DiscoveryRoutes
from dockrev.discovery.watch import DiscoveryWatch
from dockrev.hosts.local import LOCAL
from dockrev.ignores.invalid_rules import log_invalid_rules
from dockrev.ignores.routes import IgnoreRoutes
from dockrev.inference.routes import InferenceRoutes
from dockrev.jobs.retention import delete_old_jobs
from dockrev.jobs.routes import JobRoutes
from dockrev.jobs.schedule_runs import ScheduleRuns
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

log = structlog.get_logger()

_CLOCK_SECONDS = 20.0
"""How often schedules look at the clock: machines sleep, and clocks are set."""
_JOB_RETENTION_SECONDS = 3600.0
_BACKUPS_SECONDS = 60.0
_RESTART_SECONDS = 10.0
"""Before work that runs without end starts again after a crash."""


_NO_HOSTS: Mapping[str, DockerConfig] = {}


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
    watches: Mapping[str, DiscoveryWatch]
    """By the id of the host."""


@asynccontextmanager
async def open_server(
    config: Config, clock: Clock, other_hosts: Mapping[str, DockerConfig] = _NO_HOSTS
) -> AsyncIterator[Dockrev]:
    """Closes or resumes what an earlier process left unfinished, and keeps the background work going.

    `other_hosts`: beside the local one, their engines by the id of the host.
    """
    with only_server(config.db_path):
        async with open_read_side(config, clock, config.db_path, other_hosts) as read:
            write = build_write_side(read)
            looking = _looking(read, write)
            await looking.scans.remember()
            await log_invalid_rules(read.ignores)
            await write.repair()
            await read.inference.load()
            try:
                await write.start()
                async with _in_background(read, write, looking):
                    shutdown = Shutdown()
                    yield Dockrev(_web(read, write, looking, shutdown), shutdown)
            finally:
                await write.runner.stop()


def _looking(read: ReadSide, write: WriteSide) -> _Looking:
    runner, config = write.runner, read.config
    return _Looking(
        discovery=DiscoveryJobs(runner, read.scanners, config.discovery.max_actions),
        checks=CheckJobs(
            runner, read.checker, read.stacks, read.scanners, read.inference.display_versions.of
        ),
        scans=RuntimeScanJobs(
            runner,
            write.jobs,
            read.stacks,
            read.views,
            read.hosts,
            read.scanners,
            read.checker,
        ),
        watches={
            host.id: DiscoveryWatch(host.engine, read.scanners.of(host.id), config.discovery.interval_seconds)
            for host in read.hosts
        },
    )


@asynccontextmanager
async def _in_background(read: ReadSide, write: WriteSide, looking: _Looking) -> AsyncIterator[None]:
    scheduled = Schedule(
        "update_check",
        plan=lambda: _check_plan(read),
        action=looking.checks.start_scheduled,
        runs=ScheduleRuns(read.database),
        clock=read.clock,
        zone=tzlocal.get_localzone(),
    )
    deferred = DeferredChecks(looking.checks, read.images, read.clock)
    async with running(
        *(
            every(f"discovery of {host_id}", _RESTART_SECONDS, watch.run)
            for host_id, watch in looking.watches.items()
        ),
        every("scheduled checks", _CLOCK_SECONDS, scheduled.tick),
        every("deferred checks", _CLOCK_SECONDS, deferred.tick),
        every("runtime scans", read.config.runtime_scan.interval_seconds, looking.scans.start_scheduled),
        every("job retention", _JOB_RETENTION_SECONDS, lambda: delete_old_jobs(write.jobs, read.clock)),
        every("held containers", _BACKUPS_SECONDS, write.backup_recovery.release_rest),
        every("old backups", _BACKUPS_SECONDS, write.backup_retention.purge),
        every("versions", _RESTART_SECONDS, read.inference.run),
    ):
        yield


async def _check_plan(read: ReadSide) -> Plan:
    schedule = (await read.settings.section(Schedules)).update_check
    return Plan(schedule.enabled, schedule.cron)


def _web(read: ReadSide, write: WriteSide, looking: _Looking, shutdown: Shutdown) -> FastAPI:
    routers: Sequence[ApiRouter] = [
        MonitoringRoutes(read.config.version, _readiness_checks(read, write, looking)).router,
        StackRoutes(read.stacks, read.views, read.inference.queue.request).router,
        IgnoreRoutes(read.ignores).router,
        _inference_routes(read, shutdown).router,
        SettingsRoutes(read.stacks).router,
        DiscoveryRoutes(read.projects, looking.discovery).router,
        CheckRoutes(looking.checks).router,
        RuntimeScanRoutes(looking.scans).router,
        BackupRoutes(write.backups, write.restores).router,
        UpdateRoutes(write.updates).router,
        JobRoutes(write.jobs, JobStreams(write.jobs, write.feed), write.runner, shutdown).router,
    ]
    return create_web_app(routers, read.config.auth, read.config.version)


def _inference_routes(read: ReadSide, shutdown: Shutdown) -> InferenceRoutes:
    inference = read.inference
    return InferenceRoutes(
        inference.queue,
        read.versions,
        read.service_images,
        inference.full_scan,
        read.registry,
        inference.events,
        shutdown,
        read.clock,
    )


def _readiness_checks(read: ReadSide, write: WriteSide, looking: _Looking) -> Mapping[str, SelfCheck]:
    return {
        "engine": partial(check_engine, read.host.engine, read.config.docker.host),
        "database": partial(check_database, read.database),
        "jobs": partial(check_worker, write.runner.probe),
        "discovery": partial(check_worker, looking.watches[LOCAL].probe),
        **{
            f"discovery of {host_id}": partial(check_worker, watch.probe)
            for host_id, watch in looking.watches.items()
            if host_id != LOCAL
        },
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
