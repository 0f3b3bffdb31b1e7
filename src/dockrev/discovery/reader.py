"""A project as it is at this moment, for those who are about to change it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

from dockrev.compose.models import EffectiveConfig, ProjectFiles, ProjectView, UpOrder
from dockrev.discovery.files import find_files
from dockrev.discovery.models import Unusable
from dockrev.discovery.projects import projects_in
from dockrev.discovery.scan import Host
from dockrev.errors import ComposeError, NotFound

OnLine = Callable[[str], Awaitable[None]]


class ComposeCli(Protocol):
    """What is asked of Compose here."""

    async def effective_config(self, files: ProjectFiles) -> EffectiveConfig: ...

    async def up(self, order: UpOrder, on_line: Callable[[str], None]) -> None: ...

    async def is_up_to_date(self, files: ProjectFiles, service: str, replicas: int) -> bool: ...


class ProjectReader:
    """Nothing is taken from the record: labels and files are read when they are asked for."""

    def __init__(self, host: Host, compose: ComposeCli) -> None:
        self._host = host
        self._compose = compose

    async def read(self, project: str) -> ProjectView:
        """Raises NotFound when it has no container, ComposeError with the reason when it is unusable.

        A configuration that Compose itself did not render is unusable here: what would be made from it may
        differ from what was read.
        """
        snapshot = await self._host.observe()
        known = [one for one in projects_in(snapshot) if one.name == project]
        if not known:
            raise NotFound(f"the project {project} has no container")
        found = await find_files(known[0])
        if isinstance(found, Unusable):
            raise ComposeError(f"the project {project} cannot be used: {found.reason}", permanent=True)
        return await self.render(found.files)

    async def render(self, files: ProjectFiles) -> ProjectView:
        """Raises ComposeError as `read` does."""
        config = await self._compose.effective_config(files)
        if not config.rendered:
            why = "; ".join(config.warnings)
            raise ComposeError(f"the project {files.name} cannot be changed: {why}", permanent=True)
        return ProjectView(files, config)

    async def is_up_to_date(self, files: ProjectFiles, service: str, replicas: int) -> bool:
        """Would Compose keep all its containers? False also when it cannot be known."""
        try:
            return await self._compose.is_up_to_date(files, service, replicas)
        except ComposeError:
            return False

    async def up(self, order: UpOrder, on_line: OnLine) -> None:
        """Every line that Compose says is passed on, in order, before this returns or raises ComposeError."""
        lines: asyncio.Queue[str | None] = asyncio.Queue()
        failure: ComposeError | None = None
        async with asyncio.TaskGroup() as group:
            group.create_task(_pass_on(lines, on_line))
            try:
                await self._compose.up(order, lines.put_nowait)
            except ComposeError as error:  # inside the group it would cut off the lines that explain it
                failure = error
            lines.put_nowait(None)
        if failure is not None:
            raise failure


async def _pass_on(lines: asyncio.Queue[str | None], on_line: OnLine) -> None:
    while (line := await lines.get()) is not None:
        await on_line(line)
