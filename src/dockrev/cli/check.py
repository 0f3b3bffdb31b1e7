"""`dockrev check`: one look at the host and its registries, without a server."""

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
from dockrev.inference.worker import InferenceWorker
from dockrev.update_checks.models import CheckStep
from dockrev.wording import counted

_NAMING_SECONDS = 20.0
_STEPS_BEYOND_A_LOOK = 25
"""In each registry, where a version is not found within the budget of one look; a step is a few HEADs."""


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
    """Raises AppError when the host cannot be looked at, or a name fits nothing."""
    async with _remembering(config, clock) as read:
        with progress_on(console) as progress:
            return await _check(read, names, ProgressBar(progress))


@asynccontextmanager
async def _remembering(config: Config, clock: Clock) -> AsyncIterator[ReadSide]:
    """What an earlier check learned is kept for each engine; a cache that cannot be used is done without."""
    engine = hashlib.sha256(config.docker.host.encode()).hexdigest()[:12]
    with TemporaryDirectory(prefix="dockrev-") as passing:
        async with AsyncExitStack() as stack:
            try:
                kept = config.cache_directory / f"{engine}.sqlite3"
                read = await stack.enter_async_context(open_read_side(config, clock, kept))
                await read.database.try_writing()
            except StorageError:
                read = await stack.enter_async_context(
                    open_read_side(config, clock, Path(passing) / "check.sqlite3")
                )
            yield read


async def _check(read: ReadSide, names: Sequence[str], bar: "ProgressBar") -> Findings:
    selected = await look_for(read, names, bar)
    bar.say("asking the registries")
    await read.checker.check(selected.services, bar)
    bar.say("finding out versions")
    await _name(read, [service.id for service in selected.services])
    rows = rows_of(await read.views.all(), selected.services)
    problems = [
        Problem(one.project, one.last_error, fatal=one.status is ProjectStatus.INVALID)
        for one in await read.projects.all()
        if one.project in selected.projects and one.last_error
    ]
    return Findings(tuple(rows), tuple(problems))


async def look_for(read: ReadSide, names: Sequence[str], bar: "ProgressBar") -> Selection:
    """What of this host is named. Raises InvalidArgument for a name that fits nothing."""
    bar.say("looking for Compose projects")
    await read.scanners.of(LOCAL).scan()
    projects = await read.projects.all()
    present = {one.project for one in projects if one.status is not ProjectStatus.MISSING}
    stacks = [stack for stack in await read.stacks.all() if stack.name in present]
    return select(stacks, present, names)


async def _name(read: ReadSide, service_ids: Sequence[str]) -> None:
    """Versions are worth a short wait, and no more: the table is right without them.

    Only the chosen services are looked into, and no more of their repositories than it takes.
    """
    inference, images = read.inference, await read.service_images.all()
    repositories = {one.ref.repository for one in images if one.service_id in service_ids}
    try:
        async with asyncio.timeout(_NAMING_SECONDS), _at_work(inference.worker):
            await inference.display_versions.of(service_ids, _NAMING_SECONDS)
            await inference.backfill.find(repositories, _STEPS_BEYOND_A_LOOK)
    except TimeoutError:
        return


@asynccontextmanager
async def _at_work(worker: InferenceWorker) -> AsyncIterator[None]:
    """No task group: what fails meanwhile is told as the error that it is."""
    working = asyncio.create_task(worker.run())
    try:
        yield
    finally:
        working.cancel()
        await asyncio.wait([working])
    if not working.cancelled():
        working.result()


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
    """Shown only on a terminal; gone when it is done."""
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
