"""Prints the rows of a check as a table."""

from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from dockrev.cli.check import Findings
from dockrev.cli.printable import printable
from dockrev.cli.rows import Row, RowStatus
from dockrev.oci.digest import Digest

_COLOURS = {
    RowStatus.UPDATE: "yellow",
    RowStatus.ELSEWHERE: "dim",
    RowStatus.IGNORED: "dim",
    RowStatus.CURRENT: "green",
    RowStatus.UNCHECKED: "dim",
    RowStatus.UNKNOWN: "dim",
    RowStatus.FAILED: "red",
    RowStatus.DEFERRED: "magenta",
}

_NOTHING_AVAILABLE = {RowStatus.CURRENT: "up to date", RowStatus.UNCHECKED: "-"}
_WITH_REASON = frozenset({RowStatus.FAILED, RowStatus.DEFERRED})
_WIDE = 120
_NARROW_IMAGE = 20


def print_findings(findings: Findings, console: Console) -> None:
    print_rows(findings.rows, console)
    console.print(findings.summary, highlight=False)


def print_rows(rows: Sequence[Row], console: Console) -> None:
    """On a narrow terminal the long reasons are printed below the table, where they can be read."""
    narrow = console.width < _WIDE
    if rows:
        console.print(table_of(rows, narrow=narrow))
        console.print()
    for row in rows if narrow else ():
        if row.status in _WITH_REASON:
            line = f"{row.stack}/{row.service}: {row.note}"
            console.print(escape(printable(line)), style=_COLOURS[row.status], highlight=False)


def table_of(rows: Sequence[Row], *, narrow: bool) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("STACK", "SERVICE"):
        table.add_column(column, overflow="fold")
    table.add_column("IMAGE", overflow="ellipsis", no_wrap=True, max_width=_NARROW_IMAGE if narrow else None)
    for column in ("RUNNING", "AVAILABLE"):
        table.add_column(column, no_wrap=True)
    if not narrow:
        table.add_column("PLATFORM", no_wrap=True)
    table.add_column("NOTE", overflow="fold")
    for row in rows:
        table.add_row(
            *(escape(printable(cell)) for cell in _cells(row, narrow=narrow)), style=_COLOURS[row.status]
        )
    return table


def _cells(row: Row, *, narrow: bool) -> list[str]:
    image = row.image[-_NARROW_IMAGE:] if narrow else row.image
    platform = [] if narrow else [_platforms(row)]
    note = "see below" if narrow and row.status in _WITH_REASON else row.note
    versions = [_version(row.tag, row.running_version, row.running), _available(row)]
    return [row.stack, row.service, image, *versions, *platform, note]


def _platforms(row: Row) -> str:
    """This host's platform, and the number of other platforms."""
    if row.host_platform not in row.platforms:
        return ", ".join(row.platforms)
    more = len(row.platforms) - 1
    return f"{row.host_platform} +{more}" if more else row.host_platform


def _version(tag: str, version: str | None, digest: Digest | None) -> str:
    """The tag with its version, or with the digest when the version is not known."""
    if digest is None:
        return "?"
    return f"{tag} ({version})" if version else f"{tag} {digest.short}"


def _available(row: Row) -> str:
    if row.available:
        return _version(row.tag, row.available_version, row.available)
    return _NOTHING_AVAILABLE.get(row.status, "?")
