"""A Compose project at this moment: read, rendered and brought up by whoever is about to change it."""

import asyncio
from collections.abc import Awaitable, Callable

from dockrev.compose.models import ProjectFiles, ProjectView, UpOrder
from dockrev.errors import ComposeError, NotFound
from dockrev.hosts.host import Host
from dockrev.projects.files import find_files
from dockrev.projects.labels import UnusableProject, projects_in

OnLine = Callable[[str], Awaitable[None]]


class ComposeProject:
    """Every call reads the labels and the files anew; nothing comes from the database."""

    def __init__(self, host: Host, name: str) -> None:
        self._host = host
        self._name = name

    async def read(self) -> ProjectView:
        """Raises NotFound when it has no container, ComposeError with the reason when it is unusable.

        A configuration that Compose itself did not render is unusable here: what Compose would make of the
        files may differ from what Dockrev has read in them.
        """
        snapshot = await self._host.engine.observe()
        projects = {project.name: project for project in projects_in(snapshot)}
        if self._name not in projects:
            raise NotFound(f"the project {self._name} has no container")
        found = await find_files(projects[self._name])
        if isinstance(found, UnusableProject):
            raise ComposeError(f"the project {self._name} cannot be used: {found.reason}", permanent=True)
        return await self.render(found.files)

    async def render(self, files: ProjectFiles) -> ProjectView:
        """`files` may be older than the labels are now. Raises ComposeError like `read`."""
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
            except ComposeError as error:  # raised inside the group it would drop the lines that explain it
                failure = error
            lines.put_nowait(None)
        if failure is not None:
            raise failure


async def _pass_on(lines: asyncio.Queue[str | None], on_line: OnLine) -> None:
    while (line := await lines.get()) is not None:
        await on_line(line)
