"""The server process. It builds all parts once, and stops them in reverse order."""

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
"""How often schedules read the clock. A longer sleep would miss a suspended machine or a changed clock."""
_JOB_RETENTION_SECONDS = 3600.0
_BACKUPS_SECONDS = 60.0
_RESTART_SECONDS = 10.0
"""The pause before endless background work starts again after a crash."""


_NO_HOSTS: Mapping[str, DockerConfig] = {}


@dataclass(frozen=True, slots=True)
class Dockrev:
    """The server's parts, ready to serve."""

    web: FastAPI
    shutdown: Shutdown


@dataclass(frozen=True, slots=True)
class _ReadOnlyJobs:
    discovery: DiscoveryJobs
    checks: CheckJobs
    scans: RuntimeScanJobs
    watches: Mapping[str, DiscoveryWatch]
    """The watch of each host by the host's id."""


@asynccontextmanager
async def open_server(
    config: Config, clock: Clock, other_hosts: Mapping[str, DockerConfig] = _NO_HOSTS
) -> AsyncIterator[Dockrev]:
    """Ends or resumes the jobs that an earlier process left unfinished, and runs the background work.

    `other_hosts` has the engines of all hosts but the local one, by the id of the host.
    """
    with only_server(config.db_path):
        async with open_read_side(config, clock, config.db_path, other_hosts) as read:
            write = build_write_side(read)
            read_only = _read_only_jobs(read, write)
            await read_only.scans.remember()
            await log_invalid_rules(read.ignores)
            await write.repair()
            await read.inference.load()
            try:
                await write.start()
                async with read.inference.at_work(), _in_background(read, write, read_only):
                    shutdown = Shutdown()
                    yield Dockrev(_web(read, write, read_only, shutdown), shutdown)
            finally:
                await write.runner.stop()


def _read_only_jobs(read: ReadSide, write: WriteSide) -> _ReadOnlyJobs:
    runner, config = write.runner, read.config
    return _ReadOnlyJobs(
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
async def _in_background(read: ReadSide, write: WriteSide, read_only: _ReadOnlyJobs) -> AsyncIterator[None]:
    scheduled = Schedule(
        "update_check",
        plan=lambda: _check_plan(read),
        action=read_only.checks.start_scheduled,
        runs=ScheduleRuns(read.database),
        clock=read.clock,
        zone=tzlocal.get_localzone(),
    )
    deferred = DeferredChecks(read_only.checks, read.images, read.clock)
    async with running(
        *(
            every(f"discovery of {host_id}", _RESTART_SECONDS, watch.run)
            for host_id, watch in read_only.watches.items()
        ),
        every("scheduled checks", _CLOCK_SECONDS, scheduled.tick),
        every("deferred checks", _CLOCK_SECONDS, deferred.tick),
        every("runtime scans", read.config.runtime_scan.interval_seconds, read_only.scans.start_scheduled),
        every("job retention", _JOB_RETENTION_SECONDS, lambda: delete_old_jobs(write.jobs, read.clock)),
        every("held containers", _BACKUPS_SECONDS, write.backup_recovery.release_rest),
        every("old backups", _BACKUPS_SECONDS, write.backup_retention.purge),
    ):
        yield


async def _check_plan(read: ReadSide) -> Plan:
    schedule = (await read.settings.section(Schedules)).update_check
    return Plan(schedule.enabled, schedule.cron)


def _web(read: ReadSide, write: WriteSide, read_only: _ReadOnlyJobs, shutdown: Shutdown) -> FastAPI:
    routers: Sequence[ApiRouter] = [
        MonitoringRoutes(read.config.version, _readiness_checks(read, write, read_only)).router,
        StackRoutes(read.stacks, read.views, read.inference.queue.request).router,
        IgnoreRoutes(read.ignores).router,
        _inference_routes(read, shutdown).router,
        SettingsRoutes(read.stacks).router,
        DiscoveryRoutes(read.projects, read_only.discovery).router,
        CheckRoutes(read_only.checks).router,
        RuntimeScanRoutes(read_only.scans).router,
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


def _readiness_checks(read: ReadSide, write: WriteSide, read_only: _ReadOnlyJobs) -> Mapping[str, SelfCheck]:
    return {
        "engine": partial(check_engine, read.host.engine, read.config.docker.host),
        "database": partial(check_database, read.database),
        "jobs": partial(check_worker, write.runner.probe),
        "discovery": partial(check_worker, read_only.watches[LOCAL].probe),
        **{
            f"discovery of {host_id}": partial(check_worker, watch.probe)
            for host_id, watch in read_only.watches.items()
            if host_id != LOCAL
        },
    }


async def serve(config: Config, clock: Clock) -> None:
    """Serves until SIGTERM or SIGINT. A signal during the start cancels the start.

    Raises ConfigError or StorageError when the server cannot start.
    """
    end_cancelling = cancelled_by_signals()
    with listen(config.http) as sock:
        async with open_server(config, clock) as dockrev:
            end_cancelling()
            log.info("Dockrev is listening", action="server.started", address=str(config.http))
            await WebServer(dockrev.web, config.http, dockrev.shutdown).serve([sock])
            log.info("Dockrev is stopping", action="server.stopping")
