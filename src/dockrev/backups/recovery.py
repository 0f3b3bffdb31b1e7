"""Cleans up after backups that were interrupted because the process was killed."""

import asyncio
from collections.abc import Iterable, Sequence
from pathlib import Path

import structlog

from dockrev.backups.archive import remove_files
from dockrev.backups.create import describe_failure
from dockrev.backups.hold import ContainerHolds
from dockrev.backups.models import HeldContainer
from dockrev.backups.store import BackupStore
from dockrev.errors import BackupError, DockerError
from dockrev.hosts.host import Host

log = structlog.get_logger()


class BackupRecovery:
    def __init__(self, hosts: Iterable[Host], store: BackupStore) -> None:
        self._hosts = {host.id: host for host in hosts}
        self._store = store
        self._to_release: dict[str, list[HeldContainer]] = {}
        """The containers that are still held, by host id."""

    async def recover(self) -> None:
        """Removes unfinished archives and releases held containers. Call it at start, before any job runs.

        The server starts even if an engine does not answer yet. `release_rest` tries again later.
        """
        for backup in await self._store.unfinished():
            await asyncio.to_thread(_remove_unfinished, Path(backup.artifact_path))
            await self._store.fail(backup.id, "the server stopped before the backup was complete")
            log.warning("Unfinished backup removed", action="backup.removed", backup_id=backup.id)
        held = await self._store.held_containers()
        waiting = [container.name for container in held if container.for_restore]
        if waiting:
            log.warning(
                "Containers stay stopped until a restore of their data succeeds",
                action="backup.restore_pending",
                containers=waiting,
            )
        self._to_release = {
            host_id: [
                container for container in held if container.host_id == host_id and not container.for_restore
            ]
            for host_id in self._hosts
        }
        await self.release_rest()
        for host in self._hosts.values():
            try:
                for helper in await host.containers.helpers():
                    await host.containers.remove_helper(helper.id)
            except DockerError as error:
                log.warning(
                    "Helper containers could not be removed",
                    action="backup.helpers_left",
                    cause=error.message,
                )

    async def release_rest(self) -> None:
        """Tries again to release the containers that `recover` could not release."""
        for host_id, held in self._to_release.items():
            await self._release(self._hosts[host_id], held)

    async def _release(self, host: Host, held: Sequence[HeldContainer]) -> None:
        try:
            await ContainerHolds(host, self._store).release_all(held)
            self._to_release[host.id] = []
        except BackupError as error:
            log.error(
                "Containers of an interrupted backup are still paused or stopped",
                action="backup.still_held",
                cause=error.message,
            )


def _remove_unfinished(path: Path) -> None:
    try:
        remove_files(path)
    except OSError as error:
        cause = describe_failure(error)
        log.warning("Unfinished backup not removed", action="backup.remains", path=str(path), cause=cause)
