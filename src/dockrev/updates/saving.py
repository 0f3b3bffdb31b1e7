"""Backups as updates use them: taken of whole stacks beforehand, put back for one service afterwards."""

from collections.abc import Collection, Sequence

from dockrev.backups.create import BackupCreator
from dockrev.backups.models import BackupStatus
from dockrev.backups.restore import BackupRestorer
from dockrev.backups.retention import BackupRetention
from dockrev.backups.settings import BackupSettings
from dockrev.backups.store import BackupStore
from dockrev.docker.data import BackupTarget
from dockrev.jobs.models import BackupMode
from dockrev.settings.store import SettingsStore
from dockrev.stacks.store import StackStore
from dockrev.updates.one_stack import Saved
from dockrev.wording import counted


class UpdateBackups:
    def __init__(
        self,
        creator: BackupCreator,
        restorer: BackupRestorer,
        retention: BackupRetention,
        backups: BackupStore,
        stacks: StackStore,
        settings: SettingsStore,
    ) -> None:
        self._creator = creator
        self._restorer = restorer
        self._retention = retention
        self._backups = backups
        self._stacks = stacks
        self._settings = settings

    async def save(self, job_id: str, stack_id: str, service_ids: Sequence[str], mode: BackupMode) -> Saved:
        stack = await self._stacks.get(stack_id)
        services = [one for one in stack.services if one.id in service_ids]
        settings = await self._settings.section(BackupSettings)
        result = await self._creator.create(job_id, stack, services, mode)
        failed = result.status is BackupStatus.FAILED
        return Saved(
            id=result.backup_id if result.status is BackupStatus.SUCCESS else None,
            summary=result.as_json(),
            blocks=failed and settings.require_success,
            restores=settings.restore_data_on_rollback,
        )

    async def restore(self, backup_id: str, data: Collection[BackupTarget]) -> str:
        backup = await self._backups.get(backup_id)
        own = [target for target in backup.targets if target in data]
        if not own:
            return "no data of it was saved"
        restored = await self._restorer.restore(backup_id, own, stop_containers=True)
        return f"{counted(sum(one.entries for one in restored), 'file is', 'files are')} as saved"

    async def settled(self, job_id: str) -> None:
        await self._retention.update_succeeded(job_id)
