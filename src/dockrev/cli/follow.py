"""Shows a job on the terminal while it runs, and handles ctrl-c."""

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

_LOG_ROWS_PER_READ = 500
_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_COLOURS = {Level.WARN: "yellow", Level.ERROR: "red"}


async def follow(
    write: WriteSide, job_id: str, console: Console, command: str, *, quiet: bool = False
) -> Job:
    """Shows the job until it ends, and returns the ended job.

    A terminal gets a progress bar with the warnings above it. Other output gets every line of the job's log.
    With `quiet`, either gets the warnings only.

    The first ctrl-c cancels the job: an update rolls back, and a restore that has changed something continues
    to its end. The second ctrl-c leaves the job unfinished: then this raises Conflict, which says that
    `dockrev <command>` finishes it.
    """
    async with asyncio.TaskGroup() as group:
        watching = group.create_task(_watch(write, job_id, console, quiet=quiet))
        cancelling: list[asyncio.Task[None]] = []

        def on_signal() -> None:
            if cancelling:
                watching.cancel()
            else:
                cancelling.append(group.create_task(_cancel(write, job_id, console)))

        with _signals_call(on_signal):
            await asyncio.wait([watching])
    if watching.cancelled():
        raise Conflict(f"left in the middle; the next `dockrev {command}` or `dockrev serve` finishes it")
    return watching.result()


async def _cancel(write: WriteSide, job_id: str, console: Console) -> None:
    console.print(
        "[yellow]Cancelled: an update rolls back, and a restore that has changed something continues to its"
        " end. Press ctrl-c again to leave the job unfinished.[/]",
        soft_wrap=True,
    )
    with suppress(Conflict):  # the job has just ended
        await write.runner.cancel(job_id)


async def _watch(write: WriteSide, job_id: str, console: Console, *, quiet: bool) -> Job:
    last_id = 0
    with _progress_bar(console) as bar, write.feed.subscribe(job_id) as arriving:
        task = bar.add_task("", total=100)
        while True:
            job = await write.jobs.get(job_id)
            while rows := await write.jobs.logs_after(last_id, _LOG_ROWS_PER_READ, job_id):
                last_id = rows[-1].id
                for row in rows:
                    _print_log_row(row, console, quiet=quiet)
            if job.progress:
                progress = ProgressDocument.model_validate(job.progress)
                bar.update(task, description=escape(progress.message), completed=progress.percent)
            if job.status.terminal:
                return job
            await arriving.next()


def _print_log_row(row: LogRow, console: Console, *, quiet: bool) -> None:
    if row.level is Level.EVENT or (row.level is Level.INFO and console.is_terminal):
        return
    if quiet and row.level is not Level.WARN:
        return
    console.print(escape(row.message), style=_COLOURS.get(row.level), soft_wrap=True)


def _progress_bar(console: Console) -> Progress:
    """The bar is shown on a terminal only, and disappears when the job ends."""
    columns = (SpinnerColumn(), BarColumn(), TaskProgressColumn(), TextColumn("{task.description}"))
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


@contextmanager
def _signals_call(action: Callable[[], None]) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    for number in _SIGNALS:
        loop.add_signal_handler(number, action)
    try:
        yield
    finally:
        for number in _SIGNALS:
            loop.remove_signal_handler(number)
