"""Builds the parts that change something: jobs, updates and backups. Read-only commands do not import it."""

from dataclasses import dataclass

from dockrev.backups.create import BackupCreator
from dockrev.backups.jobs import RestoreJobs
from dockrev.backups.plan import RestorePlanner
from dockrev.backups.recovery import BackupRecovery
from dockrev.backups.restore import BackupRestorer
from dockrev.backups.retention import BackupRetention
from dockrev.backups.store import BackupStore
from dockrev.composition.read_side import ReadSide
from dockrev.db.database import Database
from dockrev.hosts.host import Host
from dockrev.jobs.feed import LogFeed
from dockrev.jobs.old_workflows import delete_workflow_files
from dockrev.jobs.reservations import Reservations
from dockrev.jobs.runner import JobRunner
from dockrev.jobs.store import JobStore
from dockrev.registry.credentials import CredentialStore
from dockrev.updates.environment import UpdateEnvironment
from dockrev.updates.jobs import UpdateJobs
from dockrev.updates.store import UpdateStore


@dataclass(frozen=True, slots=True)
class WriteSide:
    database: Database
    feed: LogFeed
    jobs: JobStore
    runner: JobRunner
    reservations: Reservations
    backups: BackupStore
    backup_recovery: BackupRecovery
    backup_retention: BackupRetention
    restore_planner: RestorePlanner
    restores: RestoreJobs
    updates: UpdateJobs

    async def start(self) -> None:
        """Resumes or ends the jobs that an earlier process left unfinished. After that, jobs can start."""
        await self.runner.start()
        delete_workflow_files(self.database.path)

    async def repair(self) -> None:
        """Removes what a crash left and no unfinished job needs. Call this before `start`."""
        await self.reservations.delete_ended()
        await self.backup_recovery.recover()
        await self.updates.repair()


def build_write_side(read: ReadSide) -> WriteSide:
    feed = LogFeed()
    jobs = JobStore(read.database, feed, read.clock)
    runner = JobRunner(jobs, read.clock)
    backups = BackupStore(read.database, read.clock)
    retention = BackupRetention(backups, jobs, read.settings, read.clock)
    reservations = Reservations(read.database)
    jobs.on_finished(reservations.job_finished)
    jobs.on_finished(retention.job_finished)
    planner = RestorePlanner(backups, reservations, read.hosts, read.stacks)
    environments = {host.id: _environment(read, host, backups) for host in read.hosts}
    restorers = {host_id: environment.backup_restorer for host_id, environment in environments.items()}
    updates = UpdateJobs(runner, jobs, UpdateStore(read.database, read.clock), reservations, environments)
    return WriteSide(
        read.database,
        feed,
        jobs,
        runner,
        reservations,
        backups,
        BackupRecovery(read.hosts, backups),
        retention,
        planner,
        RestoreJobs(runner, reservations, planner, restorers, read.clock),
        updates,
    )


def _environment(read: ReadSide, host: Host, backups: BackupStore) -> UpdateEnvironment:
    return UpdateEnvironment(
        host=host,
        registry=read.registry,
        credentials=CredentialStore(read.config.registry.credentials_file, read.clock),
        backups=backups,
        backup_creator=BackupCreator(host, backups, read.settings, read.clock),
        backup_restorer=BackupRestorer(host, backups),
        stacks=read.stacks,
        views=read.views,
        scanner=read.scanners.of(host.id),
        checker=read.checker,
        settings=read.settings,
        clock=read.clock,
        retries=read.config.updates,
    )
