"""Containers of one service made what its project's own files say, and what is left of them."""

from collections.abc import Awaitable, Callable, Iterable

from dockrev.compose.models import ProjectFiles
from dockrev.docker.inspect import ContainerDetail
from dockrev.errors import AppError, Conflict
from dockrev.updates.collaborators import Tools
from dockrev.updates.record import Before, is_up


class Applying:
    def __init__(
        self, tools: Tools, project: str, service: str, tell: Callable[[str], Awaitable[None]]
    ) -> None:
        self._tools = tools
        self._project = project
        self._service = service
        self._tell = tell

    async def up(self, files: ProjectFiles, before: Before) -> None:
        """As many replicas as before, and anew those that lived in a namespace of theirs."""
        await self._tidy()
        await self._tools.projects.up(files, [self._service], {self._service: before.replicas}, self._tell)
        if before.sharing:
            companions = sorted(before.sharing)
            await self._tools.projects.up(files, companions, before.sharing, self._tell, recreate=True)

    async def _tidy(self) -> None:
        """After a `compose up` that was cut off."""
        for line in await self._tools.recreation.mend(self._project, self._service):
            await self._tell(line)

    async def containers(self) -> tuple[ContainerDetail, ...]:
        return await self._containers_of(self._service)

    async def untouched(self, before: Before) -> bool:
        """Do the very same containers still run?"""
        containers = await self.containers()
        return tuple(one.id for one in containers) == before.container_ids and is_up(containers)

    async def running(self, services: Iterable[str]) -> dict[str, int]:
        """Those that are up, and how many containers they have."""
        found = {one: await self._containers_of(one) for one in services}
        return {one: len(containers) for one, containers in found.items() if is_up(containers)}

    async def require_same_images(self, services: Iterable[str]) -> None:
        """Raises Conflict when one of them would come up on an image that nobody approved."""
        for service in services:
            for one in await self._containers_of(service):
                if await self._tools.tagging.exists(one.image) not in (None, one.image_id):
                    raise Conflict(
                        f"{service} has to be made anew with {self._service}, but {one.image} names another"
                        " image here than the one it runs; bring it up to date first (docker compose up)"
                    )

    async def require_company(self, before: Before) -> None:
        """Raises Conflict when one that was made anew with this service has failed."""
        for service in before.sharing:
            for one in await self._containers_of(service):
                if one.exit_code and not is_up([one]):
                    raise Conflict(f"{one.name} shares its network and ended with exit code {one.exit_code}")

    async def state(self) -> str:
        """What is left, as the engine says."""
        try:
            containers = await self.containers()
        except AppError as error:
            return f"The engine cannot tell what is left: {error.message}"
        left = [f"{one.name} is {one.state} with image {one.image_id[7:19]}" for one in containers]
        return f"Now: {', '.join(left)}." if left else "Now: no container of it is left."

    async def _containers_of(self, service: str) -> tuple[ContainerDetail, ...]:
        return await self._tools.inspection.containers_of(self._project, service)
