"""`dockrev doctor`: prints the findings of the self-checks, one on each line."""

from rich.console import Console
from rich.markup import escape

from dockrev.cli.printable import printable
from dockrev.clock import Clock
from dockrev.config.server import Config
from dockrev.self_checks.check import CheckStatus
from dockrev.self_checks.doctor import doctor

_COLOURS = {CheckStatus.OK: "green", CheckStatus.WARN: "yellow", CheckStatus.FAIL: "red"}


async def print_doctor(config: Config, clock: Clock, console: Console) -> bool:
    """Prints each finding as soon as its check ends. Returns True when no check failed."""
    healthy = True
    async for check_id, finding in doctor(config, clock):
        healthy = healthy and finding.status is not CheckStatus.FAIL
        colour = _COLOURS[finding.status]
        text = escape(printable(finding.text))
        console.print(f"[{colour}]{finding.status:<5}[/] {check_id:<13} {text}", soft_wrap=True)
    return healthy
