"""Finds the containers that use data and have to be held while it is read or replaced."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

from dockrev.docker.data import BackupTarget, holds, overlap, target_of
from dockrev.docker.mounts import Mount
from dockrev.docker.snapshot import Container
from dockrev.errors import DockerNotFound
from dockrev.hosts.host import Host


class DataUsers:
    """Finds containers by their mounts. Leaves out Dockrev's own, because the job would end with them."""

    def __init__(self, host: Host) -> None:
        self._host = host

    async def containers_writing(
        self, project: str, targets: Collection[BackupTarget]
    ) -> tuple[Container, ...]:
        """Running containers of the project that can change the data."""
        running = await self._host.containers.running()
        return await self._without_own(
            container
            for container in running
            if container.project == project and writes_to(container, targets)
        )

    async def containers_to_stop(self, targets: Collection[BackupTarget]) -> tuple[Container, ...]:
        """Running containers, of any project, that must not run while the data is replaced."""
        running = await self._host.containers.running()
        return await self._without_own(container for container in running if uses(container, targets))

    async def containers_mounting(self, targets: Collection[BackupTarget]) -> tuple[Container, ...]:
        """Running and stopped containers that use the data, Dockrev's own included."""
        containers = await self._host.containers.all()
        return tuple(container for container in containers if uses(container, targets))

    async def in_stop_order(self, containers: Sequence[Container]) -> tuple[Container, ...]:
        """These containers and those that share a namespace with them, in the order in which to stop them.

        A container in the network namespace of another one loses its network for good when the owner stops,
        and it can start only while the owner runs. So it has to stop before the owner.
        """
        running = await self._without_own(await self._host.containers.running())
        owners = {container.id: await self._namespace_owners(container) for container in running}
        seen: set[str] = set()

        def with_dependents(owner: Container) -> list[Container]:
            if owner.id in seen:
                return []
            seen.add(owner.id)
            dependents = (
                container
                for container in running
                if not owners[container.id].isdisjoint((owner.id, owner.name))
            )
            return [*(each for dependent in dependents for each in with_dependents(dependent)), owner]

        return tuple(each for container in containers for each in with_dependents(container))

    async def _namespace_owners(self, container: Container) -> frozenset[str]:
        try:
            return (await self._host.containers.inspect(container.id)).namespace_owners
        except DockerNotFound:
            return frozenset()

    async def _without_own(self, containers: Iterable[Container]) -> tuple[Container, ...]:
        own = await self._host.own_service()
        return tuple([each for each in containers if not own.is_container(await self._with_image_name(each))])

    async def _with_image_name(self, container: Container) -> Container:
        """The container with its image name.

        When a tag has moved, the list of containers shows only the image id. Inspecting shows the name.
        """
        image_id = container.image_id.removeprefix("sha256:")
        if not image_id.startswith(container.image.removeprefix("sha256:")):
            return container
        try:
            return replace(container, image=(await self._host.containers.inspect(container.id)).image)
        except DockerNotFound:
            return container


def writes_to(container: Container, targets: Collection[BackupTarget]) -> bool:
    writable = _targets(mount for mount in container.mounts if mount.read_write)
    return any(overlap(mounted, target) for mounted in writable for target in targets)


def uses(container: Container, targets: Collection[BackupTarget]) -> bool:
    """Whether the container can write to the data, or mounts the data itself or a part of it.

    A restore replaces the directory of the data, and a running container would keep the old directory. But a
    read-only mount of a directory above it shows the new directory at once. Monitoring tools and Dockrev have
    such mounts.
    """
    mounted = _targets(container.mounts)
    return any(holds(target, each) for each in mounted for target in targets) or writes_to(container, targets)


def _targets(mounts: Iterable[Mount]) -> list[BackupTarget]:
    return [target for mount in mounts if (target := target_of(mount))]
