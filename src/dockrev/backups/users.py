"""Who has the data mounted, and has to be held or stopped while it is read or replaced."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

from dockrev.backups.models import Target
from dockrev.backups.targets import holds, overlap, target_of
from dockrev.docker.engine import Engine
from dockrev.docker.inspect import Inspection
from dockrev.docker.mounts import Mount
from dockrev.docker.occupants import occupants
from dockrev.docker.own_container import OwnContainer
from dockrev.docker.snapshot import Container
from dockrev.errors import DockerNotFound


class DataUsers:
    """`own`: Dockrev itself, left out here, since holding its containers would end its own work."""

    def __init__(self, engine: Engine, own: OwnContainer) -> None:
        self._engine = engine
        self._inspection = Inspection(engine)
        self._own = own

    async def writers(self, project: str, targets: Collection[Target]) -> tuple[Container, ...]:
        """Running containers of the project that may change the data."""
        running = await occupants(self._engine)
        return await self._others(
            one for one in running if one.project == project and writes_to(one, targets)
        )

    async def sufferers(self, targets: Collection[Target]) -> tuple[Container, ...]:
        """Running containers, of whatever project, that have to stop before the data can be replaced."""
        return await self._others(one for one in await occupants(self._engine) if suffers(one, targets))

    async def having(self, targets: Collection[Target]) -> tuple[Container, ...]:
        """Whether they run or not, and Dockrev itself too."""
        everybody = await occupants(self._engine, stopped_too=True)
        return tuple(one for one in everybody if suffers(one, targets))

    async def with_companions(self, containers: Sequence[Container]) -> tuple[Container, ...]:
        """All that has to be stopped with them, in that order: who lives in a namespace before its owner.

        It would lose its network for good, and can be started only when the owner runs.
        """
        owners = {name for one in containers for name in (one.id, one.name)}
        running = await occupants(self._engine)
        companions = await self._others([one for one in running if await self._lives_with(one, owners)])
        return (*companions, *(one for one in containers if one not in companions))

    async def _lives_with(self, one: Container, owners: Collection[str]) -> bool:
        try:
            return not (await self._inspection.container(one.id)).namespace_owners.isdisjoint(owners)
        except DockerNotFound:
            return False

    async def _others(self, found: Iterable[Container]) -> tuple[Container, ...]:
        own = await self._own.get()
        return tuple([one for one in found if not own.is_container(await self._as_configured(one))])

    async def _as_configured(self, one: Container) -> Container:
        """A list shows an id for the image once its tag has moved; the container still knows the name."""
        if not one.image_id.removeprefix("sha256:").startswith(one.image.removeprefix("sha256:")):
            return one
        try:
            return replace(one, image=(await self._inspection.container(one.id)).image)
        except DockerNotFound:
            return one


def writes_to(container: Container, targets: Collection[Target]) -> bool:
    own = _targets(mount for mount in container.mounts if mount.read_write)
    return any(overlap(one, other) for one in own for other in targets)


def suffers(container: Container, targets: Collection[Target]) -> bool:
    """Would it write to the data while it is replaced, or keep the directory that is gone?

    A directory above that is mounted read-only, as monitors and Dockrev have it, shows the new one by itself.
    """
    own = _targets(container.mounts)
    return any(holds(target, one) for one in own for target in targets) or writes_to(container, targets)


def _targets(mounts: Iterable[Mount]) -> list[Target]:
    return [target for mount in mounts if (target := target_of(mount))]
