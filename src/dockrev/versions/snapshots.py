"""Snapshots as rows."""

from typing import Any

from sqlalchemy import JSON, Column, Index, Integer, Row, String, Table

from dockrev.clock import parse_timestamp
from dockrev.db.schema import Moment, metadata
from dockrev.oci.digest import Digest
from dockrev.oci.platform import Platform
from dockrev.versions.models import DigestKey, DigestSnapshot, ScanCounts
from dockrev.versions.rows import RowReader, strings

digest_snapshots = Table(
    "digest_snapshots",
    metadata,
    Column("repository", String, primary_key=True),
    Column("digest", String, primary_key=True),
    Column("platform", String, primary_key=True),
    Column("tags", JSON, nullable=False),
    Column("former", JSON, nullable=False),
    Column("checked_at", Moment, nullable=False),
    Column("total", Integer, nullable=False),
    Column("considered", Integer, nullable=False),
    Column("ok", Integer, nullable=False),
    Column("timeout", Integer, nullable=False),
    Column("error", Integer, nullable=False),
    Index(None, "checked_at"),
    Index(None, "digest"),
)


def snapshot_reader() -> RowReader[DigestSnapshot]:
    return RowReader(digest_snapshots, _snapshot)


def snapshot_row(snapshot: DigestSnapshot) -> dict[str, object]:
    return {
        "repository": snapshot.key.repository,
        "digest": snapshot.key.digest,
        "platform": str(snapshot.key.platform),
        "tags": list(snapshot.tags),
        "former": list(snapshot.former),
        "checked_at": snapshot.checked_at,
        "total": snapshot.scan.total,
        "considered": snapshot.scan.considered,
        "ok": snapshot.scan.ok,
        "timeout": snapshot.scan.timeout,
        "error": snapshot.scan.error,
    }


def _snapshot(row: Row[Any]) -> DigestSnapshot:
    return DigestSnapshot(
        key=DigestKey(row.repository, Digest.parse(row.digest), Platform.parse(row.platform)),
        tags=strings(row.tags),
        checked_at=parse_timestamp(row.checked_at),
        scan=ScanCounts(*map(int, (row.total, row.considered, row.ok, row.timeout, row.error))),
        former=strings(row.former),
    )
