"""`dockrev backup`: lists backups, verifies them, and restores their data."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskProgressColumn, TextColumn
from rich.table import Table

from dockrev.backups.documents import BackupRecordOut, RestoredTargetOut, RestoreSummary, backup_record_out
from dockrev.backups.jobs import JOB_TYPE
from dockrev.backups.models import Backup, RecordStatus, VerifiedTarget
from dockrev.backups.plan import RestorePlan, RestorePlanner
from dockrev.backups.store import BackupStore
from dockrev.backups.verify import BackupVerification
from dockrev.cli.follow import follow
from dockrev.cli.operator import operator_name
from dockrev.cli.server_client import ServerClient, until_ended
from dockrev.clock import Clock
from dockrev.composition.read_side import open_read_side
from dockrev.composition.write_side import WriteSide, build_write_side
from dockrev.config.server import Config
from dockrev.db.database import Database
from dockrev.db.lock import only_server
from dockrev.docker.data import BackupTarget
from dockrev.errors import BackupError, DatabaseInUse, InvalidArgument, Json, NotFound
from dockrev.hosts.directory import HostDirectory
from dockrev.hosts.host import Host
from dockrev.hosts.local import LOCAL
from dockrev.jobs.models import Job
from dockrev.jobs.reservations import Reservations
from dockrev.stacks.store import StackStore
from dockrev.web.wire import read_leniently
from dockrev.wording import counted

_STYLES = {RecordStatus.SUCCESS: "", RecordStatus.RUNNING: "yellow", RecordStatus.FAILED: "red"}


@dataclass(frozen=True, slots=True)
class RestoreOrder:
    """`names` are the volumes and paths to restore. Without names, everything in the backup is restored."""

    backup_id: str
    names: Sequence[str]


Confirm = Callable[[RestorePlan], None]
"""Shows the plan and asks the operator. Raises an exception when the answer is no."""


@dataclass(frozen=True, slots=True)
class BackupReader:
    """Reads backups. It needs no server, and may run while a server uses the database."""

    backups: BackupStore
    verification: BackupVerification
    planner: RestorePlanner

    @classmethod
    @asynccontextmanager
    async def open(cls, config: Config, clock: Clock) -> AsyncIterator["BackupReader"]:
        """Raises NotFound when there is no database, and StorageError when it cannot be used."""
        _require_database(config)
        async with (
            Database.open(config.db_path) as database,
            Host.open(LOCAL, config.docker, clock, own_image=config.updates.own_image) as host,
        ):
            backups, stacks = BackupStore(database, clock), StackStore(database, clock)
            planner = RestorePlanner(backups, Reservations(database), HostDirectory([host]), stacks)
            yield cls(backups, BackupVerification(host, backups), planner)


async def restore(
    config: Config, clock: Clock, order: RestoreOrder, confirm: Confirm, out: Console, err: Console
) -> None:
    """Asks the server that uses the database to run the job. Without a server, this process runs the job.

    Raises AppError when the data was not restored.
    """
    _require_database(config)
    try:
        with only_server(config.db_path):
            restored = await _run_here(config, clock, order, confirm, err)
    except DatabaseInUse:
        restored = await _run_in_server(config, clock, order, confirm, err)
    for target in restored:
        line = f"{target.target.target()}: {_extent(target)}, restored and read again"
        out.print(line, markup=False, highlight=False, soft_wrap=True)


async def _run_here(
    config: Config, clock: Clock, order: RestoreOrder, confirm: Confirm, err: Console
) -> Sequence[RestoredTargetOut]:
    """Runs the job in this process. Jobs that a crash interrupted are finished first."""
    async with open_read_side(config, clock, config.db_path) as read:
        write = build_write_side(read)
        await write.repair()
        await write.start()
        try:
            for job in await write.jobs.unfinished():
                err.print(f"Finishing the {job.type} {job.id}, which was interrupted")
                await _follow_quietly(write, job.id, err)
            plan = await _plan(write.backups, write.restore_planner, order)
            confirm(plan)
            job_id = await write.restores.start(
                plan.backup.id, plan.targets, operator_name(), stop_containers=bool(plan.containers)
            )
            return _restored_by((await _follow_quietly(write, job_id, err)).summary)
        finally:
            await write.runner.stop()


async def _follow_quietly(write: WriteSide, job_id: str, err: Console) -> Job:
    return await follow(write, job_id, err, "backup restore", quiet=True)


async def _run_in_server(
    config: Config, clock: Clock, order: RestoreOrder, confirm: Confirm, err: Console
) -> Sequence[RestoredTargetOut]:
    async with BackupReader.open(config, clock) as reader:
        plan = await _plan(reader.backups, reader.planner, order)
    confirm(plan)
    request: dict[str, Json] = {
        "targets": [target.as_json() for target in plan.targets],
        "stopContainers": bool(plan.containers),
    }
    async with ServerClient.open(config) as server:
        job_id = (await server.post(f"/api/backups/{plan.backup.id}/restores", request))["jobId"]
        with _progress(err) as progress:
            task = progress.add_task("", total=100)
            async for job in until_ended(server, job_id):
                state = job.get("progress") or {}
                text = escape(str(state.get("message", "")))
                progress.update(task, description=text, completed=state.get("percent", 0))
    return _restored_by(job["summary"])


async def _plan(backups: BackupStore, planner: RestorePlanner, order: RestoreOrder) -> RestorePlan:
    backup = await backups.get(order.backup_id)
    return await planner.plan(backup.id, _targets_named(backup, order.names))


def _restored_by(document: Mapping[str, Json]) -> Sequence[RestoredTargetOut]:
    """`document` is the summary of an ended job. Raises BackupError when the job did not restore the data."""
    summary = read_leniently(RestoreSummary, document)
    if summary.terminated:
        raise BackupError(f"the {JOB_TYPE} was ended before it changed anything: {summary.terminated.reason}")
    if summary.restored is None:
        raise BackupError(summary.error or f"the {JOB_TYPE} ended early")
    return summary.restored


def _require_database(config: Config) -> None:
    if not config.db_path.exists():
        raise NotFound(f"there is no database {config.db_path}; set DOCKREV_DB_PATH to the server's")


def _targets_named(backup: Backup, names: Sequence[str]) -> tuple[BackupTarget, ...] | None:
    """None stands for all targets: the operator gave no names."""
    targets = {target.source: target for target in backup.targets}
    for name in names:
        if name not in targets:
            raise InvalidArgument(f"the backup does not hold {name}; it holds: {', '.join(targets)}")
    return tuple(targets[name] for name in names) or None


def as_json(backups: Sequence[Backup]) -> Any:
    documents = [backup_record_out(backup) for backup in backups]
    return TypeAdapter(list[BackupRecordOut]).dump_python(documents, mode="json", by_alias=True)


def table_of(backups: Sequence[Backup]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("BACKUP", "PROJECT", "MADE", "SIZE", "STATUS", "HOLDS"):
        table.add_column(column, overflow="fold")
    for backup in backups:
        cells = (
            backup.id,
            backup.project,
            f"{backup.created_at.astimezone():%Y-%m-%d %H:%M:%S}",
            "-" if backup.size_bytes is None else _size(backup.size_bytes),
            _status(backup),
            ", ".join(target.source for target in backup.targets),
        )
        style = "dim" if backup.deleted_at else _STYLES[backup.status]
        table.add_row(*(escape(cell) for cell in cells), style=style)
    return table


def _status(backup: Backup) -> str:
    if backup.deleted_at:
        return "deleted"
    return f"failed: {backup.error}" if backup.status is RecordStatus.FAILED else backup.status.value


def print_plan(plan: RestorePlan, console: Console) -> None:
    made = f"{plan.backup.created_at.astimezone():%Y-%m-%d %H:%M:%S}"
    console.print(f"The restore resets the following data to its state at {made}:", highlight=False)
    for target in plan.targets:
        console.print(f"  {target}", markup=False, highlight=False, soft_wrap=True)
    if plan.containers:
        console.print("The restore stops these running containers, and starts them again afterwards:")
        for container in plan.containers:
            console.print(f"  {container.name}", markup=False, highlight=False, soft_wrap=True)


def print_verified(verified: Sequence[VerifiedTarget], console: Console) -> None:
    for target in verified:
        line = f"{target.target}: {_extent(target)}: sound"
        console.print(line, markup=False, highlight=False, soft_wrap=True)
        for difference in target.differences or ():
            console.print(f"  now: {difference}", markup=False, highlight=False, soft_wrap=True)


def _extent(target: VerifiedTarget | RestoredTargetOut) -> str:
    return f"{counted(target.entries, 'entry', 'entries')}, {_size(target.size_bytes)}"


def _size(size: float) -> str:
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024:
            return f"{size:.0f} {unit}"
        size /= 1024
    return f"{size:.1f} TiB"


def _progress(console: Console) -> Progress:
    """The bar is shown on a terminal only, and disappears when the job ends."""
    return Progress(
        SpinnerColumn(),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.description}"),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
