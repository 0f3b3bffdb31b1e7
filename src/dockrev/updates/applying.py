"""Containers of one service made what its project's own files say, and what is left of them."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

from dockrev.compose.models import ProjectFiles
from dockrev.docker.inspect import ContainerDetail
from dockrev.errors import AppError, Conflict
from dockrev.updates.collaborators import Tools
from dockrev.updates.proof import Testimony, testimony
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
        self._service = service
        self._tell = tell

    async def up(self, files: ProjectFiles, before: Before) -> None:
        """As many replicas as before, and anew those that lived in a namespace of theirs.

        Compose makes these in an order that works, since each depends on the one whose namespace it has.
        """
        await self._tidy(before)
        await self._tools.projects.up(files, [self._service], {self._service: before.replicas}, self._tell)
        if before.sharing:
            scales = {name: one.replicas for name, one in before.sharing.items()}
            await self._tools.projects.up(files, sorted(scales), scales, self._tell, recreate=True)

    async def _tidy(self, before: Before) -> None:
        """After a `compose up` that was cut off."""
        for service in (self._service, *before.sharing):
            for line in await self._tools.recreation.mend(self._project, service):
                await self._tell(line)

    async def containers(self) -> tuple[ContainerDetail, ...]:
        return await self.containers_of(self._service)

    async def containers_of(self, service: str) -> tuple[ContainerDetail, ...]:
        return await self._tools.inspection.containers_of(self._project, service)

    async def testimonies(self) -> list[Testimony]:
        """Of its containers as they are now."""
        return [
            testimony(one, await self._tools.inspection.image(one.image_id))
            for one in await self.containers()
        ]

    async def untouched(self, before: Before) -> bool:
        """Do the very same containers still run?"""
        containers = await self.containers()
        return tuple(one.id for one in containers) == before.container_ids and is_up(containers)

    async def stop(self, before: Before) -> None:
        """Those of the new image stay so, whatever restarts the engine: Compose makes them anew later.

        First what lives in their namespaces, which could not be started again without them.
        """
        for name in reversed(list(before.sharing)):
            for companion in await self.containers_of(name):
                await self._tools.lifecycle.stop(companion.id)
        for one in await self.containers():
            if one.image_id != before.image:
                await self._tools.lifecycle.stay_stopped(one.id)
            await self._tools.lifecycle.stop(one.id)

    async def running(self, services: Iterable[str]) -> dict[str, Companion]:
        """Those that are up."""
        found = {one: await self.containers_of(one) for one in services}
        return {one: Companion.of(containers) for one, containers in found.items() if is_up(containers)}

    async def require_same_images(self, services: Iterable[str]) -> None:
        """Raises Conflict when one of them would come up on an image that nobody approved."""
        for service in services:
            for one in await self.containers_of(service):
                if await self._tools.tagging.exists(one.image) not in (None, one.image_id):
                    raise Conflict(
                        f"{service} has to be made anew with {self._service}, but {one.image} names another"
                        " image here than the one it runs; bring it up to date first (docker compose up)"
                    )

    async def left(self) -> Left:
        try:
            containers = await self.containers()
        except AppError as error:
            return Left(f"The engine cannot tell what is left: {error.message}")
        if not containers:
            return Left("Now: no container of it is left.")
        told = [f"{one.name} is {one.state} with image {one.image_id[7:19]}" for one in containers]
        return Left(f"Now: {', '.join(told)}.", containers[0].image_id)
