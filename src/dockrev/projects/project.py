"""Reads, renders and starts a Compose project, for callers that are about to change it."""

import asyncio
from collections.abc import Awaitable, Callable

from dockrev.compose.models import ProjectFiles, ProjectView, UpOrder
from dockrev.errors import ComposeError, NotFound
from dockrev.hosts.host import Host
from dockrev.projects.files import find_files
from dockrev.projects.labels import UnusableProject, projects_in

OnLine = Callable[[str], Awaitable[None]]


class ComposeProject:
    """Each call reads the labels and the files again. It uses nothing from the database."""

    def __init__(self, host: Host, name: str) -> None:
        self._host = host
        self._name = name

    async def read(self) -> ProjectView:
        """Raises NotFound when the project has no container, ComposeError when it is unusable.

        A configuration that Compose did not render is unusable here: Compose may read the files differently
        than Dockrev.
        """
        snapshot = await self._host.engine.observe()
        projects = {project.name: project for project in projects_in(snapshot)}
        if self._name not in projects:
            raise NotFound(f"the project {self._name} has no container")
        result = await find_files(projects[self._name])
        if isinstance(result, UnusableProject):
            raise ComposeError(f"the project {self._name} cannot be used: {result.reason}", permanent=True)
        return await self.render(result.files)

    async def render(self, files: ProjectFiles) -> ProjectView:
        """`files` may be older than the labels. Raises ComposeError like `read`."""
        config = await self._host.compose.effective_config(files)
        if not config.rendered:
            why = "; ".join(config.warnings)
            raise ComposeError(f"the project {self._name} cannot be changed: {why}", permanent=True)
        return ProjectView(files, config)

    async def is_up_to_date(self, files: ProjectFiles, service: str, replicas: int) -> bool:
        """Whether `compose up` would keep all its containers. False also when Compose cannot tell."""
        try:
            compose = await self._host.compose.get()
            return await compose.is_up_to_date(files, service, replicas)
        except ComposeError:
            return False

    async def up(self, order: UpOrder, on_line: OnLine) -> None:
        """Starts exactly these services from local images. Raises ComposeError with Compose's own words.

        `on_line` gets the command line and then every line that Compose prints, in order, before this returns
        or raises. A slow `on_line` does not slow Compose down.
        """
        compose = await self._host.compose.get()
        lines: asyncio.Queue[str | None] = asyncio.Queue()
        lines.put_nowait(f"$ {compose.up_line(order)}")
        failure: ComposeError | None = None
        async with asyncio.TaskGroup() as group:
            group.create_task(_pass_on(lines, on_line))
            try:
                await compose.up(order, lines.put_nowait)
            except ComposeError as error:  # a raise in here would cancel the task that passes on the lines
                failure = error
            lines.put_nowait(None)
        if failure is not None:
            raise failure


async def _pass_on(lines: asyncio.Queue[str | None], on_line: OnLine) -> None:
    while (line := await lines.get()) is not None:
        await on_line(line)
