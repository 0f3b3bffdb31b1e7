"""Stores an observation of a repository, and updates the snapshots that it affects."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import ColumnElement, Table, delete
from sqlalchemy.ext.asyncio import AsyncConnection

from dockrev.db.upsert import upsert
from dockrev.versions.batches import batches
from dockrev.versions.models import DigestSnapshot, TagFact, TagListing
from dockrev.versions.renewal import completed, missing, newest_listing, renewed
from dockrev.versions.rows import RowReader
from dockrev.versions.tables import (
    digest_snapshots,
    fact_row,
    listing_row,
    repository_tags,
    snapshot_row,
    tag_facts,
)


@dataclass(frozen=True, slots=True)
class Observation:
    """What a registry said about the tags of one repository. `gone`: tags that do not exist any more.

    `listing`: the tag list as it was read. The facts decide whether it is complete.
    """

    repository: str
    facts: Sequence[TagFact] = ()
    gone: Collection[str] = ()
    listing: TagListing | None = None
    snapshots: Sequence[DigestSnapshot] = ()


@dataclass(frozen=True, slots=True)
class ObservationResult:
    """`changed`: a digest may have different tags now. `listing`: the tag list that is stored now."""

    changed: bool
    listing: TagListing | None


@dataclass(frozen=True, slots=True)
class Readers:
    facts: RowReader[TagFact]
    listings: RowReader[TagListing]
    snapshots: RowReader[DigestSnapshot]


async def store_observation(
    connection: AsyncConnection, readers: Readers, observation: Observation
) -> ObservationResult:
    """Runs in the caller's transaction. Rows that cannot be read count as unknown."""
    return await _ObservationWriter(connection, readers, observation).store()


class _ObservationWriter:
    def __init__(self, connection: AsyncConnection, readers: Readers, observation: Observation) -> None:
        self._connection = connection
        self._readers = readers
        self._observation = observation

    async def store(self) -> ObservationResult:
        before, stored = await self._facts(), await self._listing()
        listing = newest_listing(stored, self._observation.listing)
        gone = self._gone(before, listing)
        facts = self._newer_facts(before)
        moved = {
            tag: fact
            for tag, fact in facts.items()
            if (old := before.get(tag)) is None or old.digest != fact.digest
        }
        current = {tag: fact for tag, fact in before.items() if tag not in gone} | facts
        await self._store_facts(facts.values(), gone)
        changed = await self._retract(moved, gone) or bool(moved) or bool(gone)
        for snapshot in self._observation.snapshots:
            changed = await self._store_snapshot(snapshot) or changed
        if listing is not None:
            listing = completed(self._without(listing, gone), current)
            if listing != stored:
                await self._store_listing(listing)
            if listing.complete_at:
                changed = await self._renew(listing, current) or changed
        return ObservationResult(changed, listing)

    def _own(self, table: Table) -> ColumnElement[bool]:
        return table.c.repository == self._observation.repository

    async def _facts(self) -> dict[str, TagFact]:
        rows = await self._readers.facts.read(self._connection, self._own(tag_facts))
        return {fact.tag: fact for fact in rows}

    async def _listing(self) -> TagListing | None:
        rows = await self._readers.listings.read(self._connection, self._own(repository_tags))
        return rows[0] if rows else None

    def _newer_facts(self, before: Mapping[str, TagFact]) -> dict[str, TagFact]:
        """The facts that are not older than the stored ones.

        A fact without children keeps the stored children of the same digest.
        """
        return {
            fact.tag: replace(fact, children=old.children)
            if old and old.digest == fact.digest and not fact.children
            else fact
            for fact in self._observation.facts
            if (old := before.get(fact.tag)) is None or old.seen_at <= fact.seen_at
        }

    def _gone(self, before: Mapping[str, TagFact], listing: TagListing | None) -> set[str]:
        """The tags that the registry did not find, and those that are missing from the tag list."""
        gone = set(self._observation.gone) | (missing(listing, before) if listing else set())
        return gone - {fact.tag for fact in self._observation.facts}

    @staticmethod
    def _without(listing: TagListing, gone: Collection[str]) -> TagListing:
        return replace(listing, names=tuple(name for name in listing.names if name not in gone))

    async def _store_facts(self, facts: Collection[TagFact], gone: Collection[str]) -> None:
        own = self._own(tag_facts)
        for batch in batches(gone):
            await self._connection.execute(delete(tag_facts).where(own, tag_facts.c.tag.in_(batch)))
        rows = [fact_row(fact) for fact in facts]
        await upsert(self._connection, tag_facts, rows, update=("digest", "children", "seen_at"))
        self._readers.facts.overwritten((fact.repository, fact.tag) for fact in facts)

    async def _store_listing(self, listing: TagListing) -> None:
        await upsert(self._connection, repository_tags, [listing_row(listing)])

    async def _snapshots(self) -> list[DigestSnapshot]:
        return await self._readers.snapshots.read(self._connection, self._own(digest_snapshots))

    async def _retract(self, moved: Mapping[str, TagFact], gone: Collection[str]) -> bool:
        """Removes moved and deleted tags from the snapshots of the digests that they named before."""
        if not moved and not gone:
            return False
        changed = False
        for snapshot in await self._snapshots():
            lost = [
                tag
                for tag in snapshot.tags
                if tag in gone or (tag in moved and not moved[tag].names(snapshot.key.digest))
            ]
            if lost:
                kept = tuple(tag for tag in snapshot.tags if tag not in lost)
                former = tuple(dict.fromkeys((*snapshot.former, *lost)))
                changed = await self._store_snapshot(replace(snapshot, tags=kept, former=former))
        return changed

    async def _renew(self, listing: TagListing, facts: Mapping[str, TagFact]) -> bool:
        changed = False
        for before in await self._snapshots():
            now = renewed(before, listing, facts)
            if now != before:
                changed = await self._store_snapshot(now) or changed
        return changed

    async def _store_snapshot(self, snapshot: DigestSnapshot) -> bool:
        same_digest = digest_snapshots.c.digest == snapshot.key.digest
        stored = await self._readers.snapshots.read(self._connection, same_digest)
        before = next((each for each in stored if each.key == snapshot.key), None)
        earlier = (*(before.former if before else ()), *snapshot.former, *(before.tags if before else ()))
        former = tuple(tag for tag in dict.fromkeys(earlier) if tag not in snapshot.tags)
        row = snapshot_row(replace(snapshot, former=former))
        await upsert(self._connection, digest_snapshots, [row])
        return before is None or before.tags != snapshot.tags
