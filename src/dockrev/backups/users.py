"""Who has the data mounted, and has to be held or stopped while it is read or replaced."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

from dockrev.docker.data import BackupTarget, holds, overlap, target_of
from dockrev.docker.mounts import Mount
from dockrev.docker.snapshot import Container
from dockrev.errors import DockerNotFound
from dockrev.hosts.host import Host


class DataUsers:
    """Without Dockrev itself: if its own containers were held, its own work would end."""

    def __init__(self, host: Host) -> None:
        self._host = host

    async def writers(self, project: str, targets: Collection[BackupTarget]) -> tuple[Container, ...]:
        """Running containers of the project that may change the data."""
        running = await self._host.containers.running()
        return await self._others(
            one for one in running if one.project == project and writes_to(one, targets)
        )

    async def sufferers(self, targets: Collection[BackupTarget]) -> tuple[Container, ...]:
        """Running containers, of whatever project, that have to stop before the data can be replaced."""
        return await self._others(
            one for one in await self._host.containers.running() if suffers(one, targets)
        )

    async def having(self, targets: Collection[BackupTarget]) -> tuple[Container, ...]:
        """Whether they run or not, and Dockrev itself too."""
        everybody = await self._host.containers.all()
        return tuple(one for one in everybody if suffers(one, targets))

    async def with_companions(self, containers: Sequence[Container]) -> tuple[Container, ...]:
        """All that has to be stopped with them, in that order: who lives in a namespace before its owner.

        It would lose its network for good, and can be started only when the owner runs.
        """
        running = await self._others(await self._host.containers.running())
        owners = {one.id: await self._namespace_owners(one) for one in running}
        seen: set[str] = set()

        def led_by(one: Container) -> list[Container]:
            if one.id in seen:
                return []
            seen.add(one.id)
            riders = (rider for rider in running if not owners[rider.id].isdisjoint((one.id, one.name)))
            return [*(each for rider in riders for each in led_by(rider)), one]

        return tuple(each for one in containers for each in led_by(one))

    async def _namespace_owners(self, one: Container) -> frozenset[str]:
        try:
            return (await self._host.containers.inspect(one.id)).namespace_owners
        except DockerNotFound:
            return frozenset()

    async def _others(self, found: Iterable[Container]) -> tuple[Container, ...]:
        own = await self._host.own_service()
        return tuple([one for one in found if not own.is_container(await self._as_configured(one))])

    async def _as_configured(self, one: Container) -> Container:
        """A list shows an id for the image once its tag has moved; the container still knows the name."""
        if not one.image_id.removeprefix("sha256:").startswith(one.image.removeprefix("sha256:")):
            return one
        try:
            return replace(one, image=(await self._host.containers.inspect(one.id)).image)
        except DockerNotFound:
            return one


def writes_to(container: Container, targets: Collection[BackupTarget]) -> bool:
    own = _targets(mount for mount in container.mounts if mount.read_write)
    return any(overlap(one, other) for one in own for other in targets)


def suffers(container: Container, targets: Collection[BackupTarget]) -> bool:
    """Would it write to the data while it is replaced, or keep the directory that is gone?

    A directory above that is mounted read-only, as monitors and Dockrev have it, shows the new one by itself.
    """
    own = _targets(container.mounts)
    return any(holds(target, one) for one in own for target in targets) or writes_to(container, targets)


def _targets(mounts: Iterable[Mount]) -> list[BackupTarget]:
    return [target for mount in mounts if (target := target_of(mount))]
