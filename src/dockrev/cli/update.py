"""`dockrev update`: updates services with the same code as the server, in this process."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.markup import escape

from dockrev.backups.jobs import JOB_TYPE as RESTORE
from dockrev.cli.check import ProgressBar, progress_on, select_services
from dockrev.cli.follow import follow
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
"""Puts a question to the operator. True is a yes."""


@dataclass(frozen=True, slots=True)
class UpdateOrder:
    """What the operator typed. `confirmed`: the command does not ask. `ask` is None without a terminal."""

    names: Sequence[str]
    dry_run: bool
    confirmed: bool
    ask: Ask | None


async def update(config: Config, clock: Clock, order: UpdateOrder, out: Console, err: Console) -> int:
    """Returns the exit code. Raises AppError when nothing could be tried, or when a job was left unfinished.

    The command first finishes updates and restores that a crash interrupted, whoever started them.
    """
    with only_server(config.db_path, _USE_THE_SERVER):
        async with open_read_side(config, clock, config.db_path) as read:
            # Without an engine this fails. The repair below would only log the fault.
            await read.host.engine.describe()
            write = build_write_side(read)
            interrupted = [job for job in await write.jobs.unfinished() if job.type in (JOB_TYPE, RESTORE)]
            if interrupted and order.dry_run:
                kind = "an update" if interrupted[0].type == JOB_TYPE else "a restore"
                raise Conflict(f"{kind} was interrupted; `dockrev update` without --dry-run finishes it")
            await write.repair()
            await write.start()
            try:
                return await _finish_and_update(read, write, interrupted, order, out, err)
            finally:
                await write.runner.stop()


async def _finish_and_update(
    read: ReadSide,
    write: WriteSide,
    interrupted: Sequence[Job],
    order: UpdateOrder,
    out: Console,
    err: Console,
) -> int:
    results: list[ServiceResult] = []
    for job in interrupted:
        err.print(f"Finishing the {job.type} {job.id}, which was interrupted")
        ended = await follow(write, job.id, err, "update")
        if job.type == JOB_TYPE:
            results += await _print_results(read, ended, out)
    selection = await _check_and_choose(read, order.names, out, err)
    for sentence in (*selection.left_out, *selection.unanswered):
        err.print(f"[yellow]{escape(sentence)}[/]", soft_wrap=True)
    complete = not selection.unanswered
    if not selection.chosen:
        out.print("Nothing to update.")
        return exit_code(results, complete=complete)
    if not _is_confirmed(order, selection.chosen):
        err.print("Nothing was changed.")
        return DECLINED
    job_id = await write.updates.start(request_for(selection.chosen, dry_run=order.dry_run), operator_name())
    results += await _print_results(read, await follow(write, job_id, err, "update"), out)
    return exit_code(results, complete=complete)


async def _check_and_choose(
    read: ReadSide, names: Sequence[str], out: Console, err: Console
) -> UpdateSelection:
    """Checks the named services and prints a row for each. Raises InvalidArgument for an unknown name."""
    with progress_on(err) as progress:
        bar = ProgressBar(progress)
        services = (await select_services(read, names, bar)).services
        bar.say("asking the registries")
        await read.checker.check(services, bar)
    # This fails without the engine, which is needed to tell which service Dockrev itself runs in.
    await read.host.own_service()
    stack_views = await read.views.all()
    print_rows(rows_of(stack_views, services), out)
    return choose(stack_views, services, names)


def _is_confirmed(order: UpdateOrder, chosen: Sequence[Chosen]) -> bool:
    if order.dry_run or order.confirmed:
        return True
    if order.ask is None:
        raise InvalidArgument("there is no terminal to ask on; use --yes, or check first with --dry-run")
    return order.ask(f"Update {', '.join(service.name for service in chosen)}?")


async def _print_results(read: ReadSide, job: Job, out: Console) -> list[ServiceResult]:
    """Prints a line for each service. Raises UpstreamError when the job ended before it had results."""
    summary = read_leniently(UpdateSummary, job.summary)
    if summary.error:
        raise UpstreamError(f"the update ended early: {summary.error}")
    projects = {stack.id: stack.name for stack in await read.stacks.all()}
    results = outcomes_of(summary, projects)
    for result in results:
        colour = "green" if result.good else "red"
        out.print(f"[{colour}]{escape(result.line)}[/]", soft_wrap=True)
    return results
