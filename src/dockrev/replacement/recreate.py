"""The containers of one service: recreates them through Compose and carries manual settings over."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from dockrev.compose.models import ProjectFiles, ProjectView, UpOrder
from dockrev.docker.inspect import ContainerDetail, ImageDetail
from dockrev.docker.interrupted_up import repair
from dockrev.docker.snapshot import ContainerState
from dockrev.errors import AppError, DockerError, Json
from dockrev.hosts.host import Host
from dockrev.projects.project import ComposeProject
from dockrev.replacement.manual_limits import described, manual_limits, unexplained_limits
from dockrev.replacement.proof import Difference, Fingerprint, compare, fingerprint
from dockrev.replacement.state import Dependent, PreviousState, dependent, is_up, short_id


@dataclass(frozen=True, slots=True)
class LeftContainers:
    """What is left after a failure. `image` is that of the first container; None when it is not known."""

    text: str
    image: str | None = None


class ServiceContainers:
    def __init__(
        self, host: Host, project: str, service: str, tell: Callable[[str], Awaitable[None]]
    ) -> None:
        self._host = host
        self._project = project
        self._compose = ComposeProject(host, project)
        self._service = service
        self._tell = tell

    async def inspect(self, service: str | None = None) -> tuple[ContainerDetail, ...]:
        """All replicas, sorted by number. The default is this service."""
        return await self._host.containers.of_service(self._project, service or self._service)

    async def images_of(self, containers: Iterable[ContainerDetail]) -> dict[str, ImageDetail]:
        """The images by id."""
        return {each.image_id: await self._host.images.inspect(each.image_id) for each in containers}

    async def dependents(self, services: Iterable[str], view: ProjectView) -> dict[str, Dependent]:
        """The services that are up, as dependents by name."""
        running = {}
        for service in services:
            containers = await self.inspect(service)
            if is_up(containers):
                digest = await self.made_from(view, service, len(containers))
                running[service] = dependent(containers, await self.images_of(containers), digest)
        return running

    async def made_from(self, view: ProjectView, service: str, replicas: int) -> str:
        """The digest of the configuration, if Compose would keep the containers. Otherwise empty: unknown."""
        is_kept = await self._compose.is_up_to_date(view.files, service, replicas)
        return _config_digest(view, service) if is_kept else ""

    async def up(self, previous: PreviousState) -> None:
        """Recreates as many replicas as before, and the dependents.

        The dependents need a second `compose up`, because their configuration names the new containers by id.
        """
        await self._repair(previous)
        files = previous.files
        own = UpOrder(files, (self._service,), {self._service: previous.replicas})
        await self._compose.up(own, self._tell)
        await self._carry_over(files, self._service, previous)
        if previous.dependents:
            scales = {name: state.replicas for name, state in previous.dependents.items()}
            await self._compose.up(UpOrder(files, tuple(scales), scales, recreate=True), self._tell)
        for name, state in previous.dependents.items():
            await self._carry_over(files, name, state)

    async def _repair(self, previous: PreviousState) -> None:
        """Cleans up what an interrupted `compose up` left behind."""
        for service in (self._service, *previous.dependents):
            if lines := await repair(self._host.containers, self._project, service):
                await self._finish_stopping(service)
            for line in lines:
                await self._tell(line)

    async def _finish_stopping(self, service: str) -> None:
        """Stops the running containers of the service.

        A killed Compose may have told the engine to stop a container, and the engine is still doing that. The
        next `compose up` would find the container running, and lose it a moment later.
        """
        containers = await self.inspect(service)
        running = [container for container in containers if container.state is ContainerState.RUNNING]
        await asyncio.gather(*(self._host.containers.stop(container.id) for container in running))

    async def _carry_over(
        self, files: ProjectFiles, service: str, previous: PreviousState | Dependent
    ) -> None:
        """Gives the new containers the settings that `docker update` had made on the old ones."""
        for container, old, new in await self._pairs(files, service, previous):
            if settings := manual_limits(old, new):
                await self._update(container, settings)
            if settings := unexplained_limits(old, new):
                await self._tell(
                    f"{container.name} had {described(settings)}; this is not carried over, because it may"
                    " come from an earlier compose file"
                )

    async def _update(self, container: ContainerDetail, settings: Mapping[str, Json]) -> None:
        """Reports a setting that the engine refuses. The proof fails later, as the setting is missing."""
        try:
            await self._host.containers.update(container.id, settings)
        except DockerError as error:
            await self._host.engine.describe()  # raises when the engine is away and has refused nothing
            text = f"the engine refuses the manual settings of {container.name} ({described(settings)})"
            await self._tell(f"{text}: {error.message}")
        else:
            await self._tell(f"{container.name} has its manual settings again: {described(settings)}")

    async def differences(self, previous: PreviousState) -> list[Difference]:
        """The unexplained differences of the service's containers and of its dependents' containers."""
        differences = await self._differences(previous.files, self._service, previous)
        for name, state in previous.dependents.items():
            for difference in await self._differences(previous.files, name, state):
                differences.append(replace(difference, setting=f"{name} {difference.setting}"))
        return differences

    async def _differences(
        self, files: ProjectFiles, service: str, previous: PreviousState | Dependent
    ) -> list[Difference]:
        pairs = await self._pairs(files, service, previous)
        return [difference for _, old, new in pairs for difference in compare(old, new)]

    async def files_changed(self, previous: PreviousState) -> bool:
        """Whether Compose made the containers from another configuration than the previous ones."""
        pairs = await self._pairs(previous.files, self._service, previous)
        return any(old.config_hash != new.config_hash for _, old, new in pairs)

    async def _pairs(
        self, files: ProjectFiles, service: str, previous: PreviousState | Dependent
    ) -> list[tuple[ContainerDetail, Fingerprint, Fingerprint]]:
        """Each current container, with its old and its new fingerprint.

        When the configuration is the same, the old fingerprint gets the new config hash, because Compose's
        hash also covers things outside the files, such as the id of the namespace owner's container.
        """
        containers = await self.inspect(service)
        images = await self.images_of(containers)
        same = await self._has_config(files, service, previous.config_digest)
        pairs = []
        for old, container in zip(previous.fingerprints, containers, strict=False):
            new = fingerprint(container, images[container.image_id])
            pairs.append((container, replace(old, config_hash=new.config_hash) if same else old, new))
        return pairs

    async def _has_config(self, files: ProjectFiles, service: str, config_digest: str) -> bool:
        if not config_digest:
            return False
        return _config_digest(await self._compose.render(files), service) == config_digest

    async def untouched(self, previous: PreviousState) -> bool:
        """Whether the previous containers still run."""
        containers = await self.inspect()
        return _ids(containers) == previous.container_ids and is_up(containers)

    async def replaced(self, previous: PreviousState) -> bool:
        """Whether other containers have replaced the previous ones."""
        containers = await self.inspect()
        return bool(containers) and _ids(containers) != previous.container_ids

    async def stop(self, previous: PreviousState) -> None:
        """Stops the dependents first, because they could not start again without their namespace owner.

        Containers of the new image also lose their restart policy, so that a restarted engine does not start
        them. Compose recreates them later.
        """
        for name in reversed(list(previous.dependents)):
            for container in await self.inspect(name):
                await self._host.containers.stop(container.id)
        for container in await self.inspect():
            if container.image_id != previous.image:
                await self._host.containers.disable_restart(container.id)
            await self._host.containers.stop(container.id)

    async def left(self) -> LeftContainers:
        try:
            containers = await self.inspect()
        except AppError as error:
            return LeftContainers(f"Its containers cannot be listed now: {error.message}")
        if not containers:
            return LeftContainers("Now it has no container.")
        states = [f"{each.name} is {each.state} with image {short_id(each.image_id)}" for each in containers]
        return LeftContainers(f"Now: {', '.join(states)}.", containers[0].image_id)


def _ids(containers: Sequence[ContainerDetail]) -> tuple[str, ...]:
    return tuple(container.id for container in containers)


def _config_digest(view: ProjectView, service: str) -> str:
    return next((each.digest for each in view.config.services if each.name == service), "")
