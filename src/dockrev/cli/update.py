"""`dockrev update`: the server's own engine, without a server."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.markup import escape

from dockrev.backups.jobs import JOB_TYPE as RESTORE
from dockrev.cli.check import ProgressBar, look_for, progress_on
from dockrev.cli.follow import Follower
from dockrev.cli.operator import operator_name
from dockrev.cli.outcomes import (
    Chosen,
    ServiceResult,
    UpdateSelection,
    choose,
    exit_code,
    outcomes_of,
    request_for,
)
from dockrev.cli.rows import rows_of
from dockrev.cli.table import print_rows
from dockrev.clock import Clock
from dockrev.composition.read_side import ReadSide, open_read_side
from dockrev.composition.write_side import WriteSide, build_write_side
from dockrev.config.server import Config
from dockrev.db.lock import only_server
from dockrev.errors import Conflict, InvalidArgument, UpstreamError
from dockrev.jobs.models import Job
from dockrev.updates.documents import UpdateSummary
from dockrev.updates.jobs import JOB_TYPE
from dockrev.web.wire import read_leniently

DECLINED = 2
_USE_THE_SERVER = (
    "update through that server's API (POST /api/updates), since it keeps the record of this host"
)

Ask = Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class Wanted:
    """`ask` puts a question to the operator; None: there is nobody to ask."""

    names: Sequence[str]
    dry_run: bool
    confirmed: bool
    ask: Ask | None


async def update(config: Config, clock: Clock, wanted: Wanted, out: Console, err: Console) -> int:
    """The exit code. Raises AppError when nothing could be tried, or when it was left in the middle.

    An update that a crash interrupted is finished first, whoever began it.
    """
    with only_server(config.db_path, _USE_THE_SERVER):
        async with open_read_side(config, clock, config.db_path) as read:
            await read.host.engine.describe()  # what is repaired below would only log that the engine is away
            write = build_write_side(read)
            interrupted = [job for job in await write.jobs.unfinished() if job.type in (JOB_TYPE, RESTORE)]
            if interrupted and wanted.dry_run:
                kind = "an update" if interrupted[0].type == JOB_TYPE else "a restore"
                raise Conflict(f"{kind} was interrupted; `dockrev update` without --dry-run finishes it")
            await write.repair()
            await write.start()
            try:
                return await _Command(read, write, wanted, out, err).run(interrupted)
            finally:
                await write.runner.stop()


class _Command:
    def __init__(self, read: ReadSide, write: WriteSide, wanted: Wanted, out: Console, err: Console) -> None:
        self._read = read
        self._write = write
        self._wanted = wanted
        self._out = out
        self._err = err
        self._follower = Follower(write, err, "update")

    async def run(self, interrupted: Sequence[Job]) -> int:
        finished: list[ServiceResult] = []
        for job in interrupted:
            self._err.print(f"Finishing the {job.type} {job.id}, which was interrupted")
            ended = await self._follower.follow(job.id)
            finished += await self._told(ended) if job.type == JOB_TYPE else []
        selection = await self._look()
        for sentence in (*selection.left_out, *selection.unanswered):
            self._err.print(f"[yellow]{escape(sentence)}[/]", soft_wrap=True)
        complete = not selection.unanswered
        if not selection.chosen:
            self._out.print("Nothing to update.")
            return exit_code(finished, complete=complete)
        if not self._agreed(selection.chosen):
            self._err.print("Nothing was changed.")
            return DECLINED
        request = request_for(selection.chosen, dry_run=self._wanted.dry_run)
        job_id = await self._write.updates.start(request, operator_name())
        told = await self._told(await self._follower.follow(job_id))
        return exit_code([*finished, *told], complete=complete)

    async def _look(self) -> UpdateSelection:
        """Finds, checks and shows what was named. Raises InvalidArgument for a name that fits nothing."""
        read = self._read
        with progress_on(self._err) as progress:
            bar = ProgressBar(progress)
            selected = (await look_for(read, self._wanted.names, bar)).services
            bar.say("asking the registries")
            await read.checker.check(selected, bar)
        await read.host.own_service()  # without the engine nothing tells which service is Dockrev itself
        stack_views = await read.views.all()
        print_rows(rows_of(stack_views, selected), self._out)
        return choose(stack_views, selected, self._wanted.names)

    def _agreed(self, chosen: Sequence[Chosen]) -> bool:
        wanted = self._wanted
        if wanted.dry_run or wanted.confirmed:
            return True
        if wanted.ask is None:
            raise InvalidArgument("there is no terminal to ask on; say --yes, or look first with --dry-run")
        return wanted.ask(f"Update {', '.join(one.name for one in chosen)}?")

    async def _told(self, job: Job) -> list[ServiceResult]:
        """Prints a line for each service. Raises UpstreamError when the job did not get as far as that."""
        summary = read_leniently(UpdateSummary, job.summary)
        if summary.error:
            raise UpstreamError(f"the update ended early: {summary.error}")
        projects = {stack.id: stack.name for stack in await self._read.stacks.all()}
        told = outcomes_of(summary, projects)
        for one in told:
            colour = "green" if one.good else "red"
            self._out.print(f"[{colour}]{escape(one.line)}[/]", soft_wrap=True)
        return told
