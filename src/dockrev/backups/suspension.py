"""
Containers that must not write while their data is read or replaced: paused or stopped, and woken again.

Each is written down before it is touched, so that the next start wakes those that a crash left behind. Only
those stopped for a restore wait until one succeeds: they must not run on data that is half there.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import structlog

from dockrev.backups.models import Manner, Suspension
from dockrev.backups.shielding import to_the_end
from dockrev.backups.store import BackupStore
from dockrev.docker.snapshot import Container, ContainerState
from dockrev.errors import BackupError, DockerError, DockerNotFound
from dockrev.hosts.host import Host

log = structlog.get_logger()


class Suspensions:
    def __init__(self, host: Host, store: BackupStore) -> None:
        self._containers = host.containers
        self._store = store

    @asynccontextmanager
    async def suspended(
        self, backup_id: str, containers: Sequence[Container], manner: Manner
    ) -> AsyncIterator[None]:
        """Woken whatever happens. Raises BackupError when one cannot be."""
        try:
            await self.suspend(backup_id, containers, manner)
            yield
        finally:
            await to_the_end(self.wake(backup_id))

    async def suspend(self, backup_id: str, containers: Sequence[Container], manner: Manner) -> None:
        """Those that are paused already, by somebody else, stay so."""
        for container in containers:
            if not (container.state is ContainerState.PAUSED and manner is Manner.PAUSED):
                await self._suspend(backup_id, Suspension(container.id, container.name, manner))

    async def left_behind(self) -> list[Suspension]:
        """At start: those that have to be woken."""
        left = await self._store.suspended()
        waiting = [one.name for one in left if one.manner is Manner.STOPPED_FOR_RESTORE]
        if waiting:
            log.warning(
                "Containers wait for a restore that did not succeed: restore again",
                action="backup.restore_pending",
                containers=waiting,
            )
        return [one for one in left if one.manner is not Manner.STOPPED_FOR_RESTORE]

    async def wake(self, backup_id: str) -> None:
        """Tries all of them; raises BackupError naming those that stay as they are."""
        await self.wake_all(await self._store.suspended(backup_id))

    async def wake_all(self, suspended: Sequence[Suspension]) -> None:
        """The last one first. Raises as `wake` does."""
        failures = []
        for one in reversed(suspended):
            try:
                await self._wake(one)
            except DockerError as error:
                failures.append(f"container {one.name} is still {one.manner.value}: {error.message}")
        if failures:
            raise BackupError("; ".join(failures))

    async def _suspend(self, backup_id: str, one: Suspension) -> None:
        await self._store.suspend(backup_id, one)
        log.info("Container is held", action="backup.suspended", container=one.name, manner=one.manner.value)
        halt = self._containers.pause if one.manner is Manner.PAUSED else self._containers.stop
        await to_the_end(halt(one.container_id))  # the engine would go on with it anyway

    async def _wake(self, one: Suspension) -> None:
        try:
            if one.manner is Manner.PAUSED:
                await self._containers.unpause(one.container_id)
            else:
                # After a crash it may be just stopping, and would be taken for one that runs.
                await self._containers.stop(one.container_id)
                await self._containers.start(one.container_id)
        except DockerNotFound:
            log.warning("A held container is gone", action="backup.vanished", container=one.name)
        await self._store.wake(one.container_id)
        log.info("Container goes on", action="backup.woken", container=one.name)
