"""Plans a restore: the data that it replaces, and the containers and services that use this data."""

from collections.abc import Collection
from dataclasses import dataclass

from dockrev.backups.models import Backup
from dockrev.backups.store import BackupStore
from dockrev.backups.users import DataUsers
from dockrev.backups.verify import usable_archive
from dockrev.docker.data import BackupTarget
from dockrev.docker.snapshot import Container
from dockrev.errors import InvalidArgument
from dockrev.hosts.directory import HostDirectory
from dockrev.jobs.reservations import Reservations
from dockrev.stacks.store import StackStore


@dataclass(frozen=True, slots=True)
class RestorePlan:
    """`containers` run and use the data, so the restore has to stop them.

    `service_ids`: the services of the backup's stack, and all others whose containers mount the data.
    """

    backup: Backup
    targets: tuple[BackupTarget, ...]
    containers: tuple[Container, ...]
    service_ids: tuple[str, ...]


class RestorePlanner:
    def __init__(
        self, backups: BackupStore, reservations: Reservations, hosts: HostDirectory, stacks: StackStore
    ) -> None:
        self._backups = backups
        self._reservations = reservations
        self._hosts = hosts
        self._stacks = stacks

    async def plan(self, backup_id: str, targets: Collection[BackupTarget] | None = None) -> RestorePlan:
        """Plans the restore of these targets; None: of all targets of the backup.

        Raises Conflict while a job works on one of the services. Raises NotFound, Conflict or InvalidArgument
        for a backup or a target that cannot be restored.
        """
        backup = await self._backups.get(backup_id)
        usable_archive(backup)
        chosen = backup.targets if targets is None else _chosen(backup, targets)
        users = DataUsers(self._hosts.get(backup.host_id))
        service_ids = await self._services(backup, await users.containers_mounting(chosen))
        await self._reservations.require_free(service_ids)
        return RestorePlan(backup, chosen, await users.containers_to_stop(chosen), service_ids)

    async def _services(self, backup: Backup, containers: Collection[Container]) -> tuple[str, ...]:
        names = {(container.project, container.service) for container in containers}
        return tuple(
            service.id
            for stack in await self._stacks.all()
            for service in stack.services
            if stack.id == backup.stack_id
            or (stack.host_id == backup.host_id and (stack.name, service.name) in names)
        )


def _chosen(backup: Backup, targets: Collection[BackupTarget]) -> tuple[BackupTarget, ...]:
    for target in targets:
        if target not in backup.targets:
            names = ", ".join(str(each) for each in backup.targets)
            text = f"the backup does not hold {target}; it holds: {names}"
            raise InvalidArgument(text, {"field": "targets"})
    return tuple(dict.fromkeys(targets))
