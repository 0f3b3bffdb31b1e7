"""Rows as a table on a terminal."""

from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from dockrev.cli.check import Findings
from dockrev.cli.rows import Row, RowStatus, summary_of
from dockrev.oci.digest import Digest

_COLOURS = {
    RowStatus.UPDATE: "yellow",
    RowStatus.ELSEWHERE: "dim",
    RowStatus.CURRENT: "green",
    RowStatus.UNCHECKED: "dim",
    RowStatus.UNKNOWN: "dim",
    RowStatus.FAILED: "red",
    RowStatus.DEFERRED: "magenta",
}


def print_findings(findings: Findings, console: Console) -> None:
    if findings.rows:
        console.print(table_of(findings.rows))
        console.print()
    console.print(summary_of(findings.rows), highlight=False)


def table_of(rows: Sequence[Row]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("STACK", "SERVICE", "IMAGE", "RUNNING", "AVAILABLE", "PLATFORM", "NOTE"):
        table.add_column(column, overflow="fold")
    for row in rows:
        cells = (
            row.stack,
            row.service,
            row.image,
            _version(row.tag, row.running),
            _available(row),
            _platforms(row),
            row.note,
        )
        table.add_row(*(escape(cell) for cell in cells), style=_COLOURS[row.status])
    return table


def _platforms(row: Row) -> str:
    """The one that runs here, and how many more there are."""
    if row.host_platform not in row.platforms:
        return ", ".join(row.platforms)
    more = len(row.platforms) - 1
    return f"{row.host_platform} +{more}" if more else row.host_platform


def _version(tag: str, digest: Digest | None) -> str:
    return f"{tag} {digest.short}" if digest else "?"


def _available(row: Row) -> str:
    if row.available:
        return _version(row.tag, row.available)
    return (
        "up to date"
        if row.status is RowStatus.CURRENT
        else "?"
        if row.status is not RowStatus.UNCHECKED
        else "-"
    )
