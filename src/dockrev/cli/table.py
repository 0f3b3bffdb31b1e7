"""Rows as a table on a terminal."""

from collections.abc import Sequence

from rich.markup import escape
from rich.table import Table

from dockrev.cli.rows import Row, RowStatus
from dockrev.oci.digest import Digest

_COLOURS = {
    RowStatus.UPDATE: "yellow",
    RowStatus.CURRENT: "green",
    RowStatus.UNCHECKED: "dim",
    RowStatus.UNKNOWN: "dim",
    RowStatus.FAILED: "red",
    RowStatus.DEFERRED: "magenta",
}


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
            ", ".join(row.platforms),
            row.note,
        )
        table.add_row(*(escape(cell) for cell in cells), style=_COLOURS[row.status])
    return table


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


def summary_of(rows: Sequence[Row]) -> str:
    counts = {status: sum(row.status is status for row in rows) for status in RowStatus}
    parts = [f"{len(rows)} services", f"{counts[RowStatus.UPDATE]} with an update waiting"]
    for status, words in (
        (RowStatus.FAILED, "could not be checked"),
        (RowStatus.DEFERRED, "deferred by their registry"),
        (RowStatus.UNCHECKED, "not checked"),
    ):
        if counts[status]:
            parts.append(f"{counts[status]} {words}")
    return ", ".join(parts)
