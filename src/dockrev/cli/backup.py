"""`dockrev backup`: what there is, whether it is sound, and how to get it back."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, DownloadColumn, Progress, SpinnerColumn, TextColumn
from rich.table import Table

from dockrev.backups.models import Backup, DataProgress, RecordStatus, RestoredTarget, VerifiedTarget
from dockrev.backups.restore import BackupRestorer
from dockrev.backups.store import BackupStore
from dockrev.backups.users import DataUsers
from dockrev.backups.verify import BackupVerification
from dockrev.clock import Clock, timestamp
from dockrev.config import Config
from dockrev.db.database import Database
from dockrev.docker.data import BackupTarget
from dockrev.errors import InvalidArgument, Json, NotFound
from dockrev.hosts.host import Host
from dockrev.hosts.local import LOCAL
from dockrev.stacks.store import StackStore
from dockrev.updates.reservations import Reservations
from dockrev.wording import counted

_STYLES = {RecordStatus.SUCCESS: "", RecordStatus.RUNNING: "yellow", RecordStatus.FAILED: "red"}


@dataclass(frozen=True, slots=True)
class RestorePlan:
    """What a restore is going to replace, and which running containers it has to stop meanwhile."""

    backup: Backup
    targets: tuple[BackupTarget, ...]
    users: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BackupCommands:
    """On the server's own database, beside a running server too."""

    backups: BackupStore
    restorer: BackupRestorer
    verification: BackupVerification
    users: DataUsers
    stacks: StackStore
    reservations: Reservations

    @classmethod
    @asynccontextmanager
    async def open(cls, config: Config, clock: Clock) -> AsyncIterator["BackupCommands"]:
        """Raises NotFound where no server has ever been, StorageError."""
        if not config.db_path.exists():
            raise NotFound(f"there is no database {config.db_path}; set DOCKREV_DB_PATH to the server's")
        async with (
            Database.open(config.db_path) as database,
            Host.open(LOCAL, config.docker, clock, own_image=config.updates.own_image) as host,
        ):
            backups = BackupStore(database, clock)
            yield cls(
                backups,
                BackupRestorer(host, backups),
                BackupVerification(host, backups),
                DataUsers(host),
                StackStore(database, clock),
                Reservations(database),
            )

    async def plan(self, backup_id: str, names: Sequence[str]) -> RestorePlan:
        """`names` of volumes and paths; none: all. Raises Conflict while an update is at work there."""
        backup = await self.backups.get(backup_id)
        targets = _named(backup, names)
        await self.reservations.require_free(await self._services(backup, targets))
        users = await self.users.containers_to_stop(targets)
        return RestorePlan(backup, targets, tuple(one.name for one in users))

    async def restore(self, plan: RestorePlan, console: Console) -> tuple[RestoredTarget, ...]:
        """No update can begin there meanwhile. Raises Conflict as `plan` does."""
        services = await self._services(plan.backup, plan.targets)
        async with self.reservations.for_restore(plan.backup.id, services):
            return await self._restore(plan, console)

    async def _restore(self, plan: RestorePlan, console: Console) -> tuple[RestoredTarget, ...]:
        with _progress(console) as progress:
            task = progress.add_task("checking the archive", total=None)

            def show(done: DataProgress) -> None:
                progress.update(
                    task, description=escape(done.activity), completed=done.bytes_done, total=done.bytes_total
                )

            return await self.restorer.restore(
                plan.backup.id, plan.targets, stop_containers=bool(plan.users), on_progress=show
            )

    async def _services(self, backup: Backup, targets: Sequence[BackupTarget]) -> list[str]:
        """Those of the backup's stack, and of others whose containers have the data."""
        having = {(one.project, one.service) for one in await self.users.containers_mounting(targets)}
        return [
            service.id
            for stack in await self.stacks.all()
            for service in stack.services
            if stack.id == backup.stack_id or (stack.name, service.name) in having
        ]


def _named(backup: Backup, names: Sequence[str]) -> tuple[BackupTarget, ...]:
    known = {target.source: target for target in backup.targets}
    for name in names:
        if name not in known:
            raise InvalidArgument(f"the backup does not hold {name}; it holds: {', '.join(known)}")
    return tuple(known[name] for name in names) or backup.targets


def as_json(backups: Sequence[Backup]) -> list[dict[str, Json]]:
    return [
        {
            "id": one.id,
            "project": one.project,
            "stackId": one.stack_id,
            "jobId": one.job_id,
            "status": one.status.value,
            "createdAt": timestamp(one.created_at),
            "artifactPath": one.artifact_path,
            "sizeBytes": one.size_bytes,
            "targets": [target.as_json() for target in one.targets],
            "error": one.error,
            "deletedAt": timestamp(one.deleted_at) if one.deleted_at else None,
        }
        for one in backups
    ]


def table_of(backups: Sequence[Backup]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("BACKUP", "PROJECT", "MADE", "SIZE", "STATUS", "HOLDS"):
        table.add_column(column, overflow="fold")
    for one in backups:
        cells = (
            one.id,
            one.project,
            f"{one.created_at.astimezone():%Y-%m-%d %H:%M:%S}",
            "-" if one.size_bytes is None else _size(one.size_bytes),
            _status(one),
            ", ".join(target.source for target in one.targets),
        )
        style = "dim" if one.deleted_at else _STYLES[one.status]
        table.add_row(*(escape(cell) for cell in cells), style=style)
    return table


def _status(backup: Backup) -> str:
    if backup.deleted_at:
        return "deleted"
    return f"failed: {backup.error}" if backup.status is RecordStatus.FAILED else backup.status.value


def print_plan(plan: RestorePlan, console: Console) -> None:
    made = f"{plan.backup.created_at.astimezone():%Y-%m-%d %H:%M:%S}"
    console.print(f"Everything in here becomes exactly what it was at {made}:", highlight=False)
    for target in plan.targets:
        console.print(f"  {target}", markup=False, highlight=False, soft_wrap=True)
    if plan.users:
        console.print("Meanwhile these running containers are stopped, and started again afterwards:")
        for name in plan.users:
            console.print(f"  {name}", markup=False, highlight=False, soft_wrap=True)


def print_verified(verified: Sequence[VerifiedTarget], console: Console) -> None:
    for one in verified:
        line = f"{one.target}: {_extent(one)}: sound"
        console.print(line, markup=False, highlight=False, soft_wrap=True)
        for difference in one.differences or ():
            console.print(f"  now: {difference}", markup=False, highlight=False, soft_wrap=True)


def print_restored(restored: Sequence[RestoredTarget], console: Console) -> None:
    for one in restored:
        line = f"{one.target}: {_extent(one)}, restored and read again"
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def _extent(one: VerifiedTarget | RestoredTarget) -> str:
    return f"{counted(one.entries, 'entry', 'entries')}, {_size(one.size_bytes)}"


def _size(size: float) -> str:
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024:
            return f"{size:.0f} {unit}"
        size /= 1024
    return f"{size:.1f} TiB"


def _progress(console: Console) -> Progress:
    """Shown only on a terminal; gone when it is done."""
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
