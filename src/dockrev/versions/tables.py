"""The tables of tag facts, tag lists and snapshots, and how their rows are read and written."""

from typing import Any

from sqlalchemy import JSON, Column, Index, Integer, Row, String, Table

from dockrev.clock import parse_timestamp
from dockrev.db.schema import Moment, metadata
from dockrev.oci.digest import Digest
from dockrev.oci.platform import Platform
from dockrev.versions.models import DigestKey, DigestSnapshot, ScanCounts, TagFact, TagListing
from dockrev.versions.rows import RowReader, strings

tag_facts = Table(
    "tag_facts",
    metadata,
    Column("repository", String, primary_key=True),
    Column("tag", String, primary_key=True),
    Column("digest", String, nullable=False),
    Column("children", JSON, nullable=False),
    Column("seen_at", Moment, nullable=False),
    Index(None, "digest"),
)

repository_tags = Table(
    "repository_tags",
    metadata,
    Column("repository", String, primary_key=True),
    Column("names", JSON, nullable=False),
    Column("listed_at", Moment, nullable=False),
    Column("complete_at", Moment),
)

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


def fact_reader() -> RowReader[TagFact]:
    return RowReader(tag_facts, _fact)


def listing_reader() -> RowReader[TagListing]:
    return RowReader(repository_tags, _listing)


def fact_row(fact: TagFact) -> dict[str, object]:
    return {
        "repository": fact.repository,
        "tag": fact.tag,
        "digest": fact.digest,
        "children": list(fact.children),
        "seen_at": fact.seen_at,
    }


def listing_row(listing: TagListing) -> dict[str, object]:
    return {
        "repository": listing.repository,
        "names": list(listing.names),
        "listed_at": listing.listed_at,
        "complete_at": listing.complete_at,
    }


def _fact(row: Row[Any]) -> TagFact:
    children = tuple(map(Digest.parse, strings(row.children)))
    return TagFact(row.repository, row.tag, Digest.parse(row.digest), parse_timestamp(row.seen_at), children)


def _listing(row: Row[Any]) -> TagListing:
    complete_at = None if row.complete_at is None else parse_timestamp(row.complete_at)
    return TagListing(row.repository, strings(row.names), parse_timestamp(row.listed_at), complete_at)


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
