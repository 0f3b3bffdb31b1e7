"""`dockrev check`: scans the host and asks the registries once, without a server."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TaskID, TextColumn

from dockrev.cli.rows import Problem, Row, Selection, exit_code, rows_of, select, summary_of
from dockrev.clock import Clock
from dockrev.composition.read_side import ReadSide, open_read_side
from dockrev.config.server import Config
from dockrev.discovery.models import ProjectStatus
from dockrev.errors import Json, StorageError
from dockrev.hosts.local import LOCAL
from dockrev.inference.queue import CONCURRENCY
from dockrev.inference.worker import InferenceWorker
from dockrev.update_checks.models import CheckStep
from dockrev.wording import counted

_VERSION_SECONDS = 20.0
_BACKFILL_STEPS = 25
"""For each registry, where a lookup used up its budget without finding the version. A step is a few HEADs."""


@dataclass(frozen=True, slots=True)
class Findings:
    rows: tuple[Row, ...]
    problems: tuple[Problem, ...] = ()

    @property
    def exit_code(self) -> int:
        return exit_code(self.rows, self.problems)

    @property
    def summary(self) -> str:
        return summary_of(self.rows, self.problems)

    def as_json(self) -> dict[str, Json]:
        return {
            "services": [row.as_json() for row in self.rows],
            "problems": [str(problem) for problem in self.problems],
            "summary": self.summary,
        }


async def check(config: Config, clock: Clock, names: Sequence[str], console: Console) -> Findings:
    """Raises AppError when the host cannot be scanned, or when no project or service has a given name."""
    async with _with_cache(config, clock) as read:
        with progress_on(console) as progress:
            return await _check(read, names, ProgressBar(progress))


@asynccontextmanager
async def _with_cache(config: Config, clock: Clock) -> AsyncIterator[ReadSide]:
    """Each engine has its own cache file. A temporary file takes its place when the cache cannot be used."""
    engine = hashlib.sha256(config.docker.host.encode()).hexdigest()[:12]
    with TemporaryDirectory(prefix="dockrev-") as temporary:
        async with AsyncExitStack() as stack:
            try:
                cache = config.cache_directory / f"{engine}.sqlite3"
                read = await stack.enter_async_context(open_read_side(config, clock, cache))
                await read.database.try_writing()
            except StorageError:
                read = await stack.enter_async_context(
                    open_read_side(config, clock, Path(temporary) / "check.sqlite3")
                )
            yield read


async def _check(read: ReadSide, names: Sequence[str], bar: "ProgressBar") -> Findings:
    selected = await select_services(read, names, bar)
    bar.say("asking the registries")
    await read.checker.check(selected.services, bar)
    bar.say("finding out versions")
    await _find_versions(read, [service.id for service in selected.services])
    rows = rows_of(await read.views.all(), selected.services)
    problems = [
        Problem(project.project, project.last_error, fatal=project.status is ProjectStatus.INVALID)
        for project in await read.projects.all()
        if project.project in selected.projects and project.last_error
    ]
    return Findings(tuple(rows), tuple(problems))


async def select_services(read: ReadSide, names: Sequence[str], bar: "ProgressBar") -> Selection:
    """Scans this host and selects the named services. Raises InvalidArgument for an unknown name."""
    bar.say("looking for Compose projects")
    await read.scanners.of(LOCAL).scan()
    projects = await read.projects.all()
    present = {project.project for project in projects if project.status is not ProjectStatus.MISSING}
    stacks = [stack for stack in await read.stacks.all() if stack.name in present]
    return select(stacks, present, names)


async def _find_versions(read: ReadSide, service_ids: Sequence[str]) -> None:
    """Waits a short time for the versions of the chosen services. The table is right without them."""
    inference, images = read.inference, await read.service_images.all()
    repositories = {image.ref.repository for image in images if image.service_id in service_ids}
    try:
        async with asyncio.timeout(_VERSION_SECONDS), _running(inference.worker):
            await inference.display_versions.of(service_ids, _VERSION_SECONDS)
            await inference.backfill.find(repositories, _BACKFILL_STEPS)
    except TimeoutError:
        return


@asynccontextmanager
async def _running(worker: InferenceWorker) -> AsyncIterator[None]:
    """A task group would wrap an error of the worker in an ExceptionGroup. This raises the error itself."""
    tasks = [asyncio.create_task(worker.run()) for _ in range(CONCURRENCY)]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
    for task in tasks:
        if not task.cancelled():
            task.result()


class ProgressBar:
    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task: TaskID = progress.add_task("", total=None)

    def say(self, text: str) -> None:
        self._progress.update(self._task, description=escape(text))

    def step(self, step: CheckStep) -> None:
        self._progress.update(self._task, completed=step.answered, total=step.total)

    async def pausing(self, until: datetime, services: int) -> None:
        waiting = counted(services, "service waits", "services wait")
        self.say(f"{waiting} for the registry until {until.astimezone():%H:%M:%S}")


def progress_on(console: Console) -> Progress:
    """The bar is shown on a terminal only, and disappears when the work is done."""
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
