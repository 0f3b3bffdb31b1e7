"""`dockrev check`: one look at the host and its registries, without a server."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TaskID, TextColumn

from dockrev.assembly import Core, open_core
from dockrev.checks.models import Step
from dockrev.cli.rows import Row, rows_of, select, summary_of
from dockrev.clock import Clock
from dockrev.config import Config
from dockrev.errors import Json

_NAMING_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Findings:
    """`problems`: projects that could not be read as they should."""

    rows: tuple[Row, ...]
    problems: tuple[str, ...]

    def as_json(self) -> dict[str, Json]:
        return {
            "services": [row.as_json() for row in self.rows],
            "problems": list(self.problems),
            "summary": summary_of(self.rows),
        }


async def check(config: Config, clock: Clock, names: Sequence[str], console: Console) -> Findings:
    """Raises AppError when the host cannot be looked at, or a name fits nothing."""
    with TemporaryDirectory(prefix="dockrev-") as directory:
        async with open_core(config, clock, Path(directory) / "check.sqlite3") as core:
            with progress_on(console) as progress:
                return await _check(core, names, ProgressBar(progress))


async def _check(core: Core, names: Sequence[str], bar: "ProgressBar") -> Findings:
    bar.say("looking for Compose projects")
    await core.scanner.scan()
    selected = select(await core.stacks.all(), names)
    bar.say("asking the registries")
    report = await core.checker.check(selected, bar)
    bar.say("finding out versions")
    await _name(core, [service.id for service in selected])
    rows = rows_of(await core.appraiser.all(), selected, report.host)
    projects = await core.projects.all()
    problems = (f"{one.project}: {one.last_error}" for one in projects if one.last_error)
    return Findings(tuple(rows), tuple(problems))


async def _name(core: Core, service_ids: Sequence[str]) -> None:
    """Versions are worth a short wait, and no more: the table is right without them.

    Only the chosen services are looked into, and no more of their repositories than it takes.
    """
    async with asyncio.TaskGroup() as group:
        finding = group.create_task(core.inference.worker.run())
        await core.inference.names.of(service_ids, _NAMING_SECONDS)
        finding.cancel()


class ProgressBar:
    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task: TaskID = progress.add_task("", total=None)

    def say(self, text: str) -> None:
        self._progress.update(self._task, description=escape(text))

    def step(self, step: Step) -> None:
        self._progress.update(self._task, completed=step.answered, total=step.total)

    async def pausing(self, until: datetime, services: int) -> None:
        self.say(f"{services} services wait until {until.astimezone():%H:%M:%S} for their registry")


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
