"""The commands: each reads the configuration, does one thing, and tells errors in a sentence."""

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
_UNFOLDED = 400

cli = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
backup = typer.Typer(help="Data of services as it was before an update.", no_args_is_help=True)
cli.add_typer(backup, name="backup")
_error = Console(stderr=True)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(effective_version(os.environ))  # noqa: TID251 -- as in _config, and of no use elsewhere
        raise typer.Exit


@cli.callback()
def dockrev(
    _: Annotated[
        bool,
        typer.Option("--version", help="Print the version and end.", is_eager=True, callback=_print_version),
    ] = False,
) -> None:
    """Tells which Docker Compose services have an update waiting."""


@cli.command()
def serve() -> None:
    """Serve the API until it is stopped."""
    stop_is_success()
    from dockrev.app import serve as serve_until_stopped  # noqa: PLC0415 -- other commands start faster without

    with _troubles_told():
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
    """Look for waiting updates now. Needs no server.

    Ends with 0 when nothing waits, 1 when updates wait, 2 when some answer is missing.
    """
    from dockrev.cli import check as checking  # noqa: PLC0415 -- heavy imports, needed here only
    from dockrev.cli.table import print_findings  # noqa: PLC0415

    with _troubles_told():
        config = _config()
        configure_logs(LogConfig(level="error"))
        end_with_readers()
        _end_in_order()
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
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Try everything but the change itself.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Update services now, or leave them exactly as they were. Needs no server, and none may run.

    Ends with 0 when all is up to date, 1 when something was rolled back or failed, 2 when not all could be
    tried, or when the answer was no.
    """
    from dockrev.cli import update as updating  # noqa: PLC0415 -- heavy imports, needed here only

    with _troubles_told():
        config = _config()
        configure_logs(LogConfig(level="error"))
        wanted = updating.Wanted(names, dry_run, yes, _ask if sys.stdin.isatty() else None)
        raise typer.Exit(uvloop.run(updating.update(config, SystemClock(), wanted, _console(), _error)))


@cli.command()
def doctor() -> None:
    """Explain what is found here: engine, projects, Compose, database, logins, access."""
    from dockrev.cli.doctor import print_doctor  # noqa: PLC0415 -- heavy imports, needed here only

    with _troubles_told():
        config = _config()
        configure_logs(LogConfig(level="error"))
        end_with_readers()
        if not uvloop.run(print_doctor(config, SystemClock(), Console())):
            raise typer.Exit(TROUBLE)


@backup.command("list")
def backup_list(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")] = False,
) -> None:
    """All backups, newest first, also failed ones and those whose file was deleted when it was old."""
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
    """Restore data as it was; whatever has been written since is lost.

    Running containers that use it are stopped meanwhile. A server that runs does it. Ends with 1 when you
    decide against it.
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
    with _troubles_told():
        config = _config()
        configure_logs(LogConfig(level="error"))
        uvloop.run(run(config))


def _ask(question: str) -> bool:
    """Ctrl-c and the end of the input are a no."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return Confirm.ask(escape(question), console=_error, default=False)
    except (KeyboardInterrupt, EOFError):
        _error.print()
        return False
    finally:
        signal.signal(signal.SIGINT, before)


def _end_in_order() -> None:
    signal.signal(signal.SIGTERM, _end)
    if signal.getsignal(signal.SIGHUP) is signal.SIG_DFL:  # `nohup` has it ignored
        signal.signal(signal.SIGHUP, _end)


def _end(number: int, _: FrameType | None) -> None:
    """In order, as after ctrl-c, so that temporary files do not outlive an impatient timer."""
    raise SystemExit(128 + number)


def _console() -> Console:
    """Lines are folded for a terminal only: a file or a pipe gets them whole."""
    console = Console()
    return console if console.is_terminal else Console(width=_UNFOLDED)


def _config() -> Config:
    return Config.from_env(os.environ)  # noqa: TID251 -- read once, here, and passed on


def _warn(config: Config) -> None:
    for warning in config.warnings:
        _error.print(f"[yellow]{escape(printable(warning))}[/]", soft_wrap=True)


@contextmanager
def _troubles_told() -> Iterator[None]:
    try:
        yield
    except ConfigError as error:
        for problem in error.problems:
            _error.print(f"[red]dockrev:[/] {escape(printable(problem))}", soft_wrap=True)
        raise typer.Exit(TROUBLE) from error
    except AppError as error:
        _error.print(f"[red]dockrev:[/] {escape(printable(error.message))}", soft_wrap=True)
        raise typer.Exit(TROUBLE) from error
