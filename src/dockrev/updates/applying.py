"""Containers of one service made what its project's own files say, and what is left of them."""

import re
from collections.abc import Awaitable, Callable

from dockrev.compose.models import ProjectFiles
from dockrev.docker.inspect import ContainerDetail
from dockrev.errors import AppError
from dockrev.updates.record import Before, is_up
from dockrev.updates.tools import Tools

_BEING_REPLACED = re.compile(r"[0-9a-f]{12}_(?P<name>.+)")
"""While Compose replaces a container, one of the two has the old one's id in front of its name.

V2: the new one, which starts when the old one is gone. V1: the old one, which is stopped by then.
"""


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
        await self._tidy(self._service)
        await self._tools.projects.up(files, [self._service], {self._service: before.replicas}, self._tell)
        sharing = {one: await self._containers_of(one) for one in before.sharing}
        scales = {one: len(found) for one, found in sharing.items() if is_up(found)}
        if scales:
            await self._tools.projects.up(files, sorted(scales), scales, self._tell, recreate=True)

    async def _tidy(self, service: str) -> None:
        """After a `compose up` that was cut off: Compose counts what it left half replaced as replicas."""
        containers = await self._containers_of(service)
        for one in containers:
            if not (meant := _BEING_REPLACED.fullmatch(one.name)):
                continue
            await self._tell(f"{one.name} is left of a `compose up` that was cut off")
            if any(other.number == one.number and other.id != one.id for other in containers):
                await self._tools.lifecycle.remove(one.id, force=True)
            else:
                await self._tools.lifecycle.rename(one.id, meant["name"])

    async def containers(self) -> tuple[ContainerDetail, ...]:
        return await self._containers_of(self._service)

    async def untouched(self, before: Before) -> bool:
        """Do the very same containers still run?"""
        containers = await self.containers()
        return tuple(one.id for one in containers) == before.container_ids and is_up(containers)

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
