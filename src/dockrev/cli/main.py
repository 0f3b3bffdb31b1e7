"""The commands. Each reads the configuration, does one thing, and prints an error as one sentence."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer
import uvloop
from rich.console import Console
from rich.markup import escape
from rich.prompt import Confirm

from dockrev.cli.logs import configure_logs
from dockrev.cli.output import end_with_readers
from dockrev.cli.printable import printable
from dockrev.cli.signals import stop_is_success
from dockrev.clock import SystemClock
from dockrev.config.server import Config
from dockrev.config.shared import LogConfig, effective_version
from dockrev.errors import AppError, ConfigError

if TYPE_CHECKING:
    from dockrev.backups.plan import RestorePlan

TROUBLE = 2
_WIDTH_WITHOUT_TERMINAL = 400

cli = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
backup = typer.Typer(help="List, verify and restore the backups made before updates.", no_args_is_help=True)
cli.add_typer(backup, name="backup")
_error = Console(stderr=True)


def _print_version(requested: bool) -> None:
    if requested:
        typer.echo(effective_version(os.environ))  # noqa: TID251 -- works even with a faulty configuration
        raise typer.Exit


@cli.callback()
def dockrev(
    _: Annotated[
        bool,
        typer.Option("--version", help="Print the version and end.", is_eager=True, callback=_print_version),
    ] = False,
) -> None:
    """Find updates of Docker Compose services, and apply them safely."""


@cli.command()
def serve() -> None:
    """Serve the API until it is stopped."""
    stop_is_success()
    from dockrev.app import serve as serve_until_stopped  # noqa: PLC0415 -- other commands start faster without

    with _errors_printed():
        config = _config()
        configure_logs(config.log)
        _warn(config)
        with suppress(asyncio.CancelledError):  # stopped before it served
            uvloop.run(serve_until_stopped(config, SystemClock()))


@cli.command()
def check(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[PROJECT|SERVICE|PROJECT/SERVICE]...", show_default=False)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")] = False,
) -> None:
    """Check the registries for updates now. Needs no server.

    Ends with 0 when nothing waits, 1 when updates wait, 2 when some answer is missing.
    """
    from dockrev.cli import check as checking  # noqa: PLC0415 -- heavy imports, needed here only
    from dockrev.cli.table import print_findings  # noqa: PLC0415

    with _errors_printed():
        config = _config()
        configure_logs(LogConfig(level="error"))
        end_with_readers()
        _end_cleanly_on_signals()
        findings = uvloop.run(checking.check(config, SystemClock(), names or [], _error))
        if as_json:
            typer.echo(json.dumps(findings.as_json(), indent=2))
        else:
            print_findings(findings, _console())
            for problem in findings.problems:
                _error.print(f"[yellow]{escape(str(problem))}[/]", soft_wrap=True)
        raise typer.Exit(findings.exit_code)


@cli.command()
def update(
    names: Annotated[
        list[str], typer.Argument(metavar="PROJECT|SERVICE|PROJECT/SERVICE...", show_default=False)
    ],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Run all checks, but change nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Update services now, and roll back an update that fails. Needs no server, and none may be running.

    Ends with 0 when all is up to date, 1 when something was rolled back or failed, 2 when not all services
    could be checked, when an error ended the command, or when you answered no.
    """
    from dockrev.cli import update as updating  # noqa: PLC0415 -- heavy imports, needed here only

    with _errors_printed():
        config = _config()
        configure_logs(LogConfig(level="error"))
        order = updating.UpdateOrder(names, dry_run, yes, _ask if sys.stdin.isatty() else None)
        raise typer.Exit(uvloop.run(updating.update(config, SystemClock(), order, _console(), _error)))


@cli.command()
def doctor() -> None:
    """Check the surroundings of Dockrev: engine, projects, Compose, database, logins, access."""
    from dockrev.cli.doctor import print_doctor  # noqa: PLC0415 -- heavy imports, needed here only

    with _errors_printed():
        config = _config()
        configure_logs(LogConfig(level="error"))
        end_with_readers()
        if not uvloop.run(print_doctor(config, SystemClock(), Console())):
            raise typer.Exit(TROUBLE)


@backup.command("list")
def backup_list(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")] = False,
) -> None:
    """List all backups, newest first. Failed backups, and old ones whose file was deleted, are listed too."""
    from dockrev.cli import backup as commands  # noqa: PLC0415 -- heavy imports, needed here only

    async def run(config: Config) -> None:
        async with commands.BackupReader.open(config, SystemClock()) as opened:
            backups = await opened.backups.all()
        end_with_readers()
        if as_json:
            typer.echo(json.dumps(commands.as_json(backups), indent=2))
        else:
            _console().print(commands.table_of(backups))

    _run_backup_command(run)


@backup.command("verify")
def backup_verify(
    backup_id: Annotated[str, typer.Argument(metavar="BACKUP")],
    live: Annotated[bool, typer.Option("--live", help="Also compare with the data as it is now.")] = False,
) -> None:
    """Read a backup and compare every byte with its manifest.

    Ends with 0 when it is sound, 2 when it is not.
    """
    from dockrev.cli import backup as commands  # noqa: PLC0415 -- heavy imports, needed here only

    async def run(config: Config) -> None:
        async with commands.BackupReader.open(config, SystemClock()) as opened:
            end_with_readers()
            commands.print_verified(await opened.verification.verify(backup_id, live=live), _console())

    _run_backup_command(run)


@backup.command("restore")
def backup_restore(
    backup_id: Annotated[str, typer.Argument(metavar="BACKUP")],
    target: Annotated[
        list[str] | None, typer.Option(metavar="VOLUME|PATH", help="Only this one; may be repeated.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Restore the data of a backup. Everything written since the backup is lost.

    Running containers that use the data are stopped during the restore. If a server is running, the server
    runs the restore. Ends with 1 when you answer no.
    """
    from dockrev.cli import backup as commands  # noqa: PLC0415 -- heavy imports, needed here only

    def confirm(plan: "RestorePlan") -> None:
        commands.print_plan(plan, _console())
        if not yes:
            typer.confirm("Restore?", abort=True)

    async def run(config: Config) -> None:
        order = commands.RestoreOrder(backup_id, target or [])
        await commands.restore(config, SystemClock(), order, confirm, _console(), _error)

    _run_backup_command(run)


def _run_backup_command(run: Callable[[Config], Coroutine[None, None, None]]) -> None:
    with _errors_printed():
        config = _config()
        configure_logs(LogConfig(level="error"))
        uvloop.run(run(config))


def _ask(question: str) -> bool:
    """Ctrl-c and the end of the input count as no."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return Confirm.ask(escape(question), console=_error, default=False)
    except (KeyboardInterrupt, EOFError):
        _error.print()
        return False
    finally:
        signal.signal(signal.SIGINT, before)


def _end_cleanly_on_signals() -> None:
    signal.signal(signal.SIGTERM, _end)
    if signal.getsignal(signal.SIGHUP) is signal.SIG_DFL:  # `nohup` sets it to be ignored
        signal.signal(signal.SIGHUP, _end)


def _end(number: int, _: FrameType | None) -> None:
    """Ends the process as ctrl-c does, so that a command that a timer kills removes its temporary files."""
    raise SystemExit(128 + number)


def _console() -> Console:
    """Lines are folded for a terminal only. A file or a pipe gets each line whole."""
    console = Console()
    return console if console.is_terminal else Console(width=_WIDTH_WITHOUT_TERMINAL)


def _config() -> Config:
    return Config.from_env(os.environ)  # noqa: TID251 -- the environment is read here, once, and passed on


def _warn(config: Config) -> None:
    for warning in config.warnings:
        _error.print(f"[yellow]{escape(printable(warning))}[/]", soft_wrap=True)


@contextmanager
def _errors_printed() -> Iterator[None]:
    try:
        yield
    except ConfigError as error:
        for problem in error.problems:
            _error.print(f"[red]dockrev:[/] {escape(printable(problem))}", soft_wrap=True)
        raise typer.Exit(TROUBLE) from error
    except AppError as error:
        _error.print(f"[red]dockrev:[/] {escape(printable(error.message))}", soft_wrap=True)
        raise typer.Exit(TROUBLE) from error
