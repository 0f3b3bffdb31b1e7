"""A job on the terminal while it runs: its progress, its warnings, and ctrl-c."""

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskProgressColumn, TextColumn

from dockrev.composition.write_side import WriteSide
from dockrev.errors import Conflict
from dockrev.jobs.models import Job, Level, LogRow, ProgressDocument

_LINES_AT_ONCE = 500
_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_COLOURS = {Level.WARN: "yellow", Level.ERROR: "red"}


class Follower:
    """On a terminal a progress bar, with warnings above it; elsewhere every line of the job's log.

    `command` finishes the job when this process leaves it in the middle. `quiet`: warnings only.
    """

    def __init__(self, write: WriteSide, console: Console, command: str, *, quiet: bool = False) -> None:
        self._write = write
        self._console = console
        self._command = command
        self._quiet = quiet

    async def follow(self, job_id: str) -> Job:
        """The job when it has ended. The first ctrl-c cancels it, which makes it go back to what was.

        The second one leaves it as it is: then Conflict says who finishes it.
        """
        async with asyncio.TaskGroup() as group:
            following = group.create_task(self._watch(job_id))
            asked: list[asyncio.Task[None]] = []

            def interrupted() -> None:
                if asked:
                    following.cancel()
                else:
                    asked.append(group.create_task(self._cancel(job_id)))

            with _on_interrupt(interrupted):
                await asyncio.wait([following])
        if following.cancelled():
            raise Conflict(
                f"left in the middle; the next `dockrev {self._command}` or `dockrev serve` finishes it"
            )
        return following.result()

    async def _cancel(self, job_id: str) -> None:
        self._console.print(
            "[yellow]Cancelled: what was begun is taken back. Once more leaves it in the middle.[/]"
        )
        with suppress(Conflict):  # it has just ended
            await self._write.runner.cancel(job_id)

    async def _watch(self, job_id: str) -> Job:
        last_id = 0
        with self._bar() as bar, self._write.feed.subscribe(job_id) as arriving:
            task = bar.add_task("", total=100)
            while True:
                job = await self._write.jobs.get(job_id)
                while rows := await self._write.jobs.logs_after(last_id, _LINES_AT_ONCE, job_id):
                    last_id = rows[-1].id
                    for row in rows:
                        self._tell(row)
                if job.progress:
                    progress = ProgressDocument.model_validate(job.progress)
                    bar.update(task, description=escape(progress.message), completed=progress.percent)
                if job.status.terminal:
                    return job
                await arriving.next()

    def _tell(self, row: LogRow) -> None:
        if row.level is Level.EVENT or (row.level is Level.INFO and self._console.is_terminal):
            return
        if self._quiet and row.level is not Level.WARN:
            return
        self._console.print(escape(row.message), style=_COLOURS.get(row.level), soft_wrap=True)

    def _bar(self) -> Progress:
        """Gone when it is done."""
        columns = (SpinnerColumn(), BarColumn(), TaskProgressColumn(), TextColumn("{task.description}"))
        return Progress(
            *columns, console=self._console, transient=True, disable=not self._console.is_terminal
        )


@contextmanager
def _on_interrupt(act: Callable[[], None]) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    for number in _SIGNALS:
        loop.add_signal_handler(number, act)
    try:
        yield
    finally:
        for number in _SIGNALS:
            loop.remove_signal_handler(number)
