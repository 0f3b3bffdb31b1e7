"""Backs up the data of a stack before its update, and restores it when services roll back."""

from collections.abc import Collection, Sequence

from dockrev.backups.models import BackupStatus
from dockrev.backups.settings import BackupSettings
from dockrev.docker.data import BackupTarget
from dockrev.jobs.models import BackupMode
from dockrev.replacement.outcome import BackupStep
from dockrev.updates.environment import UpdateEnvironment
from dockrev.wording import counted


class StackBackup:
    """The `DataSaver` of one stack of one job."""

    def __init__(self, environment: UpdateEnvironment, job_id: str, stack_id: str, mode: BackupMode) -> None:
        self._environment = environment
        self._job_id = job_id
        self._stack_id = stack_id
        self._mode = mode

    async def save(self, service_ids: Sequence[str]) -> BackupStep:
        environment = self._environment
        stack = await environment.stacks.get(self._stack_id)
        services = [service for service in stack.services if service.id in service_ids]
        settings = await environment.settings.section(BackupSettings)
        result = await environment.backup_creator.create(self._job_id, stack, services, self._mode)
        failed = result.status is BackupStatus.FAILED
        return BackupStep(
            id=result.backup_id if result.status is BackupStatus.SUCCESS else None,
            summary=result.as_json(),
            required_failed=failed and settings.require_success,
            restore_on_rollback=settings.restore_data_on_rollback,
        )

    async def restore(self, backup_id: str, data: Collection[BackupTarget]) -> str:
        backup = await self._environment.backups.get(backup_id)
        targets = [target for target in backup.targets if target in data]
        if not targets:
            return "the backup holds no data of this service"
        restored = await self._environment.backup_restorer.restore(backup_id, targets, stop_containers=True)
        entries = sum(target.entries for target in restored)
        return f"{counted(entries, 'file was', 'files were')} restored from the backup"
