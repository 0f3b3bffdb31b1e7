"""The commands: each reads the configuration, does one thing, and tells errors in a sentence."""

import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Annotated

import typer
import uvloop
from rich.console import Console
from rich.markup import escape

from dockrev.cli.logs import configure_logs
from dockrev.cli.printable import printable
from dockrev.clock import SystemClock
from dockrev.config import Config, LogConfig, effective_version
from dockrev.errors import AppError, ConfigError

TROUBLE = 2
_UNFOLDED = 400

cli = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
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
    from dockrev.app import serve as serve_until_stopped  # noqa: PLC0415 -- other commands start faster without

    with _troubles_told():
        config = _config()
        configure_logs(config.log)
        _warn(config)
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
def doctor() -> None:
    """Explain what is found here: engine, projects, Compose, database, logins, access."""
    from dockrev.cli.doctor import examine  # noqa: PLC0415 -- heavy imports, needed here only

    with _troubles_told():
        config = _config()
        configure_logs(LogConfig(level="error"))
        if not uvloop.run(examine(config, SystemClock(), Console())):
            raise typer.Exit(TROUBLE)


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
