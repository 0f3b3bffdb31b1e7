"""Containers of one service made what its project's own files say, and what is left of them."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from dockrev.compose.models import ProjectFiles, ProjectView, UpOrder
from dockrev.docker.inspect import ContainerDetail, ImageDetail
from dockrev.docker.interrupted_up import repair
from dockrev.errors import AppError, DockerError, Json
from dockrev.projects.project import ComposeProject
from dockrev.replacement.manual_limits import described, manual_limits, unexplained_limits
from dockrev.replacement.proof import Difference, Fingerprint, compare, fingerprint
from dockrev.updates.collaborators import Tools
from dockrev.updates.record import Before, Companion, is_up


@dataclass(frozen=True, slots=True)
class Left:
    """What there is after something failed. `image`: of its first container, as far as the engine says."""

    text: str
    image: str | None = None


class Applying:
    def __init__(
        self, tools: Tools, project: str, service: str, tell: Callable[[str], Awaitable[None]]
    ) -> None:
        self._tools = tools
        self._project = project
        self._compose = ComposeProject(tools.host, project)
        self._service = service
        self._tell = tell

    async def up(self, before: Before) -> None:
        """As many replicas as before, and anew those that lived in a namespace of theirs.

        Compose makes these in an order that works, since each depends on the one whose namespace it has.
        """
        await self._tidy(before)
        files, scales = before.files, {self._service: before.replicas}
        await self._compose.up(UpOrder(files, (self._service,), scales), self._tell)
        await self._carry_over(files, self._service, before)
        if before.sharing:
            scales = {name: one.replicas for name, one in before.sharing.items()}
            anew = UpOrder(files, tuple(scales), scales, recreate=True)
            await self._compose.up(anew, self._tell)
        for name, companion in before.sharing.items():
            await self._carry_over(files, name, companion)

    async def _carry_over(self, files: ProjectFiles, service: str, before: Before | Companion) -> None:
        """What `docker update` had set on the containers before: no compose file says it."""
        for container, old, new in await self._pairs(files, service, before):
            if settings := manual_limits(old, new):
                await self._reconfigure(container, settings)
            if settings := unexplained_limits(old, new):
                await self._tell(
                    f"{container.name} had {described(settings)}; that is not carried over, as it may come"
                    " from an earlier compose file"
                )

    async def _reconfigure(self, container: ContainerDetail, settings: Mapping[str, Json]) -> None:
        """What the engine refuses is told here; that it is missing is found by the proof."""
        try:
            await self._tools.host.containers.update(container.id, settings)
        except DockerError as error:
            await self._tools.host.engine.describe()  # else it has refused nothing
            await self._tell(f"{container.name} cannot have {described(settings)} again: {error.message}")
        else:
            await self._tell(f"{container.name} has again what was set by hand: {described(settings)}")

    async def _tidy(self, before: Before) -> None:
        """After a `compose up` that was cut off."""
        for service in (self._service, *before.sharing):
            for line in await repair(self._tools.host.containers, self._project, service):
                await self._tell(line)

    async def containers(self) -> tuple[ContainerDetail, ...]:
        return await self.containers_of(self._service)

    async def containers_of(self, service: str) -> tuple[ContainerDetail, ...]:
        return await self._tools.host.containers.of_service(self._project, service)

    async def lost(self, before: Before) -> list[Difference]:
        """Of its containers, and of those that were made anew with them."""
        found = await self._lost(before.files, self._service, before)
        for name, companion in before.sharing.items():
            lost = await self._lost(before.files, name, companion)
            found += [replace(one, setting=f"{name} {one.setting}") for one in lost]
        return found

    async def _lost(self, files: ProjectFiles, service: str, before: Before | Companion) -> list[Difference]:
        pairs = await self._pairs(files, service, before)
        return [one for _, old, new in pairs for one in compare(old, new)]

    async def files_changed(self, before: Before) -> bool:
        """Compose has made its containers from other words than before."""
        pairs = await self._pairs(before.files, self._service, before)
        return any(old.config_hash != new.config_hash for _, old, new in pairs)

    async def _pairs(
        self, files: ProjectFiles, service: str, before: Before | Companion
    ) -> list[tuple[ContainerDetail, Fingerprint, Fingerprint]]:
        """Each container as it is now, with what it was and what it is. Of the same file means the same hash:
        Compose puts more into it, such as the id of the container whose namespace it has.
        """
        found = await self.containers_of(service)
        images, same = await self._images(found), await self._same_file(files, service, before.made_from)
        pairs = []
        for old, one in zip(before.testimonies, found, strict=False):
            new = fingerprint(one, images[one.image_id])
            pairs.append((one, replace(old, config_hash=new.config_hash) if same else old, new))
        return pairs

    async def _same_file(self, files: ProjectFiles, service: str, made_from: str) -> bool:
        if not made_from:
            return False
        return _digest(await self._compose.render(files), service) == made_from

    async def made_from(self, view: ProjectView, service: str, replicas: int) -> str:
        """The digest of its configuration, if Compose would keep its containers; empty: it is not known."""
        kept = await self._compose.is_up_to_date(view.files, service, replicas)
        return _digest(view, service) if kept else ""

    async def _images(self, containers: Sequence[ContainerDetail]) -> dict[str, ImageDetail]:
        return {one.image_id: await self._tools.host.images.inspect(one.image_id) for one in containers}

    async def untouched(self, before: Before) -> bool:
        """Do the very same containers still run?"""
        containers = await self.containers()
        return tuple(one.id for one in containers) == before.container_ids and is_up(containers)

    async def replaced(self, before: Before) -> bool:
        """Are there others in the place of its containers?"""
        containers = await self.containers()
        return bool(containers) and tuple(one.id for one in containers) != before.container_ids

    async def stop(self, before: Before) -> None:
        """Those of the new image stay so, whatever restarts the engine: Compose makes them anew later.

        First what lives in their namespaces, which could not be started again without them.
        """
        for name in reversed(list(before.sharing)):
            for companion in await self.containers_of(name):
                await self._tools.host.containers.stop(companion.id)
        for one in await self.containers():
            if one.image_id != before.image:
                await self._tools.host.containers.disable_restart(one.id)
            await self._tools.host.containers.stop(one.id)

    async def running(self, services: Iterable[str], view: ProjectView) -> dict[str, Companion]:
        """Those that are up."""
        running = {}
        for one in services:
            containers = await self.containers_of(one)
            if is_up(containers):
                made_from = await self.made_from(view, one, len(containers))
                running[one] = Companion.of(containers, await self._images(containers), made_from)
        return running

    async def left(self) -> Left:
        try:
            containers = await self.containers()
        except AppError as error:
            return Left(f"The engine cannot tell what is left: {error.message}")
        if not containers:
            return Left("Now: no container of it is left.")
        states = [f"{one.name} is {one.state} with image {one.image_id[7:19]}" for one in containers]
        return Left(f"Now: {', '.join(states)}.", containers[0].image_id)


def _digest(view: ProjectView, service: str) -> str:
    return next((one.digest for one in view.config.services if one.name == service), "")
