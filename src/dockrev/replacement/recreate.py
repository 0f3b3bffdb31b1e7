"""The containers of one service: Compose recreates them, and manual settings are carried over."""

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
    """What there is after a failure. `image`: of the first container, if the engine tells."""

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
        """All replicas, sorted by number; by default those of this service."""
        return await self._host.containers.of_service(self._project, service or self._service)

    async def images_of(self, containers: Iterable[ContainerDetail]) -> dict[str, ImageDetail]:
        """By id."""
        return {one.image_id: await self._host.images.inspect(one.image_id) for one in containers}

    async def dependents(self, services: Iterable[str], view: ProjectView) -> dict[str, Dependent]:
        """Those of these services that are up."""
        running = {}
        for service in services:
            containers = await self.inspect(service)
            if is_up(containers):
                digest = await self.made_from(view, service, len(containers))
                running[service] = dependent(containers, await self.images_of(containers), digest)
        return running

    async def made_from(self, view: ProjectView, service: str, replicas: int) -> str:
        """The digest of the configuration, if Compose would keep the containers; empty: not known."""
        is_kept = await self._compose.is_up_to_date(view.files, service, replicas)
        return _config_digest(view, service) if is_kept else ""

    async def up(self, previous: PreviousState) -> None:
        """Makes as many replicas as before, and recreates the dependents.

        The dependents need a second `compose up`: their configuration names the new containers by id.
        """
        await self._repair(previous)
        files = previous.files
        own = UpOrder(files, (self._service,), {self._service: previous.replicas})
        await self._compose.up(own, self._tell)
        await self._carry_over(files, self._service, previous)
        if previous.dependents:
            scales = {name: one.replicas for name, one in previous.dependents.items()}
            await self._compose.up(UpOrder(files, tuple(scales), scales, recreate=True), self._tell)
        for name, one in previous.dependents.items():
            await self._carry_over(files, name, one)

    async def _repair(self, previous: PreviousState) -> None:
        """What an interrupted `compose up` left behind."""
        for service in (self._service, *previous.dependents):
            if lines := await repair(self._host.containers, self._project, service):
                await self._finish_stopping(service)
            for line in lines:
                await self._tell(line)

    async def _finish_stopping(self, service: str) -> None:
        """A killed Compose may have told the engine to stop a container, and the engine goes on with that.

        Without this the next `compose up` would find the container running, and lose it a moment later.
        """
        running = (one for one in await self.inspect(service) if one.state is ContainerState.RUNNING)
        await asyncio.gather(*(self._host.containers.stop(one.id) for one in running))

    async def _carry_over(
        self, files: ProjectFiles, service: str, previous: PreviousState | Dependent
    ) -> None:
        """Settings that `docker update` had made on the old containers; no compose file has them."""
        for container, old, new in await self._pairs(files, service, previous):
            if settings := manual_limits(old, new):
                await self._update(container, settings)
            if settings := unexplained_limits(old, new):
                await self._tell(
                    f"{container.name} had {described(settings)}; that is not carried over, as it may come"
                    " from an earlier compose file"
                )

    async def _update(self, container: ContainerDetail, settings: Mapping[str, Json]) -> None:
        """A setting that the engine refuses is told here; the proof finds that it is missing."""
        try:
            await self._host.containers.update(container.id, settings)
        except DockerError as error:
            await self._host.engine.describe()  # an engine that is away has not refused anything
            await self._tell(f"{container.name} cannot have {described(settings)} again: {error.message}")
        else:
            await self._tell(f"{container.name} has its manual settings again: {described(settings)}")

    async def differences(self, previous: PreviousState) -> list[Difference]:
        """Unexplained ones, of its containers and of the dependents'."""
        differences = await self._differences(previous.files, self._service, previous)
        for name, one in previous.dependents.items():
            for difference in await self._differences(previous.files, name, one):
                differences.append(replace(difference, setting=f"{name} {difference.setting}"))
        return differences

    async def _differences(
        self, files: ProjectFiles, service: str, previous: PreviousState | Dependent
    ) -> list[Difference]:
        pairs = await self._pairs(files, service, previous)
        return [difference for _, old, new in pairs for difference in compare(old, new)]

    async def files_changed(self, previous: PreviousState) -> bool:
        """Whether Compose made the containers from another configuration than before."""
        pairs = await self._pairs(previous.files, self._service, previous)
        return any(old.config_hash != new.config_hash for _, old, new in pairs)

    async def _pairs(
        self, files: ProjectFiles, service: str, previous: PreviousState | Dependent
    ) -> list[tuple[ContainerDetail, Fingerprint, Fingerprint]]:
        """Each container as it is now, with its old and its new fingerprint.

        When the configuration is the same, the old fingerprint gets the new hash: Compose's hash also covers
        things outside the files, such as the id of the container whose namespace is shared.
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
        """Whether the very same containers still run."""
        containers = await self.inspect()
        return _ids(containers) == previous.container_ids and is_up(containers)

    async def replaced(self, previous: PreviousState) -> bool:
        """Whether there are other containers in the place of the old ones."""
        containers = await self.inspect()
        return bool(containers) and _ids(containers) != previous.container_ids

    async def stop(self, previous: PreviousState) -> None:
        """Dependents first: they could not be started again without their owner.

        Containers of the new image stay stopped even if the engine restarts; Compose recreates them later.
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
            return LeftContainers(f"The engine cannot tell what is left: {error.message}")
        if not containers:
            return LeftContainers("Now: no container of it is left.")
        states = [f"{one.name} is {one.state} with image {short_id(one.image_id)}" for one in containers]
        return LeftContainers(f"Now: {', '.join(states)}.", containers[0].image_id)


def _ids(containers: Sequence[ContainerDetail]) -> tuple[str, ...]:
    return tuple(one.id for one in containers)


def _config_digest(view: ProjectView, service: str) -> str:
    return next((one.digest for one in view.config.services if one.name == service), "")
