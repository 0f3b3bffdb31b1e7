"""Jobs, and updates as one kind of them, put together. Commands that only look need none of it."""

from dataclasses import dataclass
from datetime import timedelta

from dockrev.assembly import Core
from dockrev.backups.create import BackupCreator
from dockrev.backups.recovery import BackupRecovery
from dockrev.backups.restore import BackupRestorer
from dockrev.backups.retention import BackupRetention
from dockrev.backups.store import BackupStore
from dockrev.db.database import Database
from dockrev.jobs.feed import LogFeed
from dockrev.jobs.old_workflows import delete_workflow_files
from dockrev.jobs.runner import JobRunner
from dockrev.jobs.store import JobStore
from dockrev.registry.credentials import CredentialStore
from dockrev.replacement.health import HealthLimits
from dockrev.settings.store import SettingsStore
from dockrev.stacks.views import ServiceView
from dockrev.updates.collaborators import Tools
from dockrev.updates.jobs import UpdateJobs
from dockrev.updates.logins import Logins
from dockrev.updates.reservations import Reservations
from dockrev.updates.saving import UpdateBackups
from dockrev.updates.settings import UpdateSettings
from dockrev.updates.store import UpdateStore


@dataclass(frozen=True, slots=True)
class Works:
    """Jobs, and updates as one kind of them."""

    database: Database
    feed: LogFeed
    jobs: JobStore
    runner: JobRunner
    backup_recovery: BackupRecovery
    backup_retention: BackupRetention
    updates: UpdateJobs

    async def start(self) -> None:
        """Resumes or ends what an earlier process left unfinished. Then jobs can start."""
        await self.runner.start()
        delete_workflow_files(self.database.path)

    async def repair(self) -> None:
        """Before the runner starts: what a crash left half done goes, but for what a job goes on with."""
        await self.backup_recovery.recover()
        await self.updates.repair()


def assemble_works(core: Core) -> Works:
    feed = LogFeed()
    jobs = JobStore(core.database, feed, core.clock)
    runner = JobRunner(jobs, core.clock)
    backups = BackupStore(core.database, core.clock)
    retention = BackupRetention(backups, core.settings, core.clock)
    updates = UpdateJobs(
        runner,
        jobs,
        UpdateStore(core.database, core.clock),
        Reservations(core.database),
        core.views,
        _tools(core),
        UpdateBackups(
            BackupCreator(core.host, backups, core.settings, core.clock),
            BackupRestorer(core.host, backups),
            retention,
            backups,
            core.stacks,
            core.settings,
        ),
    )
    return Works(core.database, feed, jobs, runner, BackupRecovery(core.host, backups), retention, updates)


def _tools(core: Core) -> Tools:
    host, config = core.host, core.config
    return Tools(
        host=host,
        registry=core.registry,
        login=Logins(CredentialStore(config.registry.credentials_file, core.clock)).find,
        look_around=core.scanner.scan,
        appraised=lambda stack_id, service_id: _seen_anew(core, stack_id, service_id),
        clock=core.clock,
        patience=lambda: _patience(core.settings),
        retries=config.updates,
    )


async def _seen_anew(core: Core, stack_id: str, service_id: str) -> ServiceView | None:
    """As its registry says now; a registry that does not answer leaves what was known."""
    if known := await core.views.service(stack_id, service_id):
        await core.checker.refresh([known.service])
    return await core.views.service(stack_id, service_id)


async def _patience(settings: SettingsStore) -> HealthLimits:
    chosen = await settings.section(UpdateSettings)
    return HealthLimits(
        stability=timedelta(seconds=chosen.stability_seconds),
        longest=timedelta(seconds=chosen.health_deadline_cap_seconds),
    )
