"""What tags name, and tag lists, as rows."""

from typing import Any

from sqlalchemy import JSON, Column, Index, Row, String, Table

from dockrev.clock import parse_timestamp
from dockrev.db.schema import Moment, metadata
from dockrev.oci.digest import Digest
from dockrev.versions.models import TagFact, TagListing
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
