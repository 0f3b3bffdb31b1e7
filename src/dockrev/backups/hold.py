"""
Pauses or stops containers that must not write while their data is read or replaced, and releases them later.

The store records each hold before the container is paused or stopped. So after a crash, the next start of
Dockrev can release the containers. Containers that were stopped for a restore must not run on half-restored
data, so they stay stopped until a restore succeeds.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import structlog

from dockrev.backups.models import HeldContainer
from dockrev.backups.settings import HoldMode
from dockrev.backups.store import BackupStore
from dockrev.docker.snapshot import Container, ContainerState
from dockrev.errors import BackupError, DockerError, DockerNotFound
from dockrev.hosts.host import Host
from dockrev.uncancellable import uncancellable

log = structlog.get_logger()


class ContainerHolds:
    def __init__(self, host: Host, store: BackupStore) -> None:
        self._host_id = host.id
        self._containers = host.containers
        self._store = store

    @asynccontextmanager
    async def held(
        self, backup_id: str, containers: Sequence[Container], mode: HoldMode
    ) -> AsyncIterator[None]:
        """Holds the containers while the block runs. Raises BackupError when one cannot be released."""
        try:
            await self.hold(backup_id, containers, mode)
            yield
        finally:
            await uncancellable(self.release(backup_id))

    async def hold(
        self, backup_id: str, containers: Sequence[Container], mode: HoldMode, *, for_restore: bool = False
    ) -> None:
        """Holds the containers. A container that somebody else has paused is skipped, so it stays paused."""
        for container in containers:
            if not (container.state is ContainerState.PAUSED and mode is HoldMode.PAUSE):
                held = HeldContainer(self._host_id, container.id, container.name, mode, for_restore)
                await self._hold(backup_id, held)

    async def release(self, backup_id: str) -> None:
        """Tries to release each container. Raises BackupError with the names of those that are still held."""
        await self.release_all(await self._store.held_containers(backup_id))

    async def release_all(self, held: Sequence[HeldContainer]) -> None:
        """Releases the containers in the reverse order of their holds. Raises like `release`."""
        failures = []
        for container in reversed(held):
            try:
                await self._release(container)
            except DockerError as error:
                state = "paused" if container.mode is HoldMode.PAUSE else "stopped"
                failures.append(f"container {container.name} is still {state}: {error.message}")
        if failures:
            raise BackupError("; ".join(failures))

    async def _hold(self, backup_id: str, container: HeldContainer) -> None:
        await self._store.record_hold(backup_id, container)
        log.info(
            "Container is being paused or stopped",
            action="backup.held",
            container=container.name,
            mode=container.mode.value,
        )
        stop = self._containers.pause if container.mode is HoldMode.PAUSE else self._containers.stop
        await uncancellable(stop(container.container_id))  # the engine would complete the call anyway

    async def _release(self, container: HeldContainer) -> None:
        try:
            if container.mode is HoldMode.PAUSE:
                await self._containers.unpause(container.container_id)
            else:
                # After a crash the engine may still be stopping the container. Then `start` alone would do
                # nothing, because the container still runs.
                await self._containers.stop(container.container_id)
                await self._containers.start(container.container_id)
        except DockerNotFound:
            log.warning(
                "A container to release does not exist any more",
                action="backup.vanished",
                container=container.name,
            )
        await self._store.forget_hold(container.container_id)
        log.info("Container is released", action="backup.released", container=container.name)
