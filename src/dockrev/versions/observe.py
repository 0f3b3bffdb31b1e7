"""What one look at a repository taught, stored inside one transaction, and what follows from it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncConnection

from dockrev.db.upsert import upsert
from dockrev.versions.batches import batches
from dockrev.versions.facts import fact_row, listing_row, repository_tags, tag_facts
from dockrev.versions.models import DigestSnapshot, TagFact, TagListing
from dockrev.versions.renewal import completed, missing, newest_listing, renewed
from dockrev.versions.rows import RowReader
from dockrev.versions.snapshots import digest_snapshots, snapshot_row


@dataclass(frozen=True, slots=True)
class Observation:
    """What one look at a repository taught. `gone`: tags that name nothing any more.

    `listing`: the tag list as it was read; whether it is complete follows from the facts.
    """

    repository: str
    facts: Sequence[TagFact] = ()
    gone: Collection[str] = ()
    listing: TagListing | None = None
    snapshots: Sequence[DigestSnapshot] = ()


@dataclass(frozen=True, slots=True)
class ObservationResult:
    """`changed`: some digest may have other tags now. `listing`: as it stands now."""

    changed: bool
    listing: TagListing | None


@dataclass(frozen=True, slots=True)
class Readers:
    facts: RowReader[TagFact]
    listings: RowReader[TagListing]
    snapshots: RowReader[DigestSnapshot]


class ObservationWriter:
    """Of one repository. What cannot be read of it is dropped first, and so learned anew."""

    def __init__(self, connection: AsyncConnection, readers: Readers, findings: Observation) -> None:
        self._connection = connection
        self._readers = readers
        self._findings = findings

    async def learn(self) -> ObservationResult:
        before, stored = await self._facts(), await self._listing()
        listing = newest_listing(stored, self._findings.listing)
        gone = self._gone(before, listing)
        facts = self._news(before)
        moved = {
            tag: fact
            for tag, fact in facts.items()
            if (old := before.get(tag)) is None or old.digest != fact.digest
        }
        known = {tag: fact for tag, fact in before.items() if tag not in gone} | facts
        await self._store_facts(facts.values(), gone)
        changed = await self._retract(moved, gone) or bool(moved) or bool(gone)
        for snapshot in self._findings.snapshots:
            changed = await self._store_snapshot(snapshot) or changed
        if listing is not None:
            listing = completed(self._without(listing, gone), known)
            if listing != stored:
                await self._store_listing(listing)
            if listing.complete_at:
                changed = await self._renew(listing, known) or changed
        return ObservationResult(changed, listing)

    async def _facts(self) -> dict[str, TagFact]:
        found = await self._readers.facts.mend(self._connection, repository=self._findings.repository)
        return {fact.tag: fact for fact in found}

    async def _listing(self) -> TagListing | None:
        found = await self._readers.listings.mend(self._connection, repository=self._findings.repository)
        return found[0] if found else None

    def _news(self, before: Mapping[str, TagFact]) -> dict[str, TagFact]:
        """What somebody else has seen after that is left as it is; what an index holds stays known."""
        return {
            fact.tag: replace(fact, children=old.children)
            if old and old.digest == fact.digest and not fact.children
            else fact
            for fact in self._findings.facts
            if (old := before.get(fact.tag)) is None or old.seen_at <= fact.seen_at
        }

    def _gone(self, before: Mapping[str, TagFact], listing: TagListing | None) -> set[str]:
        """What was asked for in vain, and what the tag list does not hold any more."""
        gone = set(self._findings.gone) | (missing(listing, before) if listing else set())
        return gone - {fact.tag for fact in self._findings.facts}

    @staticmethod
    def _without(listing: TagListing, gone: Collection[str]) -> TagListing:
        return replace(listing, names=tuple(name for name in listing.names if name not in gone))

    async def _store_facts(self, facts: Collection[TagFact], gone: Collection[str]) -> None:
        own = tag_facts.c.repository == self._findings.repository
        for batch in batches(gone):
            await self._connection.execute(delete(tag_facts).where(own, tag_facts.c.tag.in_(batch)))
        rows = [fact_row(fact) for fact in facts]
        await upsert(self._connection, tag_facts, rows, update=("digest", "children", "seen_at"))

    async def _store_listing(self, listing: TagListing) -> None:
        await upsert(self._connection, repository_tags, [listing_row(listing)])

    async def _snapshots(self) -> list[DigestSnapshot]:
        return await self._readers.snapshots.mend(self._connection, repository=self._findings.repository)

    async def _retract(self, moved: Mapping[str, TagFact], gone: Collection[str]) -> bool:
        """A tag that names something else now is taken from the digests that it named before."""
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

    async def _renew(self, listing: TagListing, known: Mapping[str, TagFact]) -> bool:
        changed = False
        for before in await self._snapshots():
            now = renewed(before, listing, known)
            if now != before:
                changed = await self._store_snapshot(now) or changed
        return changed

    async def _store_snapshot(self, snapshot: DigestSnapshot) -> bool:
        same_digest = digest_snapshots.c.digest == snapshot.key.digest
        found = await self._readers.snapshots.read(self._connection, same_digest)
        before = next((one for one in found if one.key == snapshot.key), None)
        known = (*(before.former if before else ()), *snapshot.former, *(before.tags if before else ()))
        former = tuple(tag for tag in dict.fromkeys(known) if tag not in snapshot.tags)
        row = snapshot_row(replace(snapshot, former=former))
        await upsert(self._connection, digest_snapshots, [row])
        return before is None or before.tags != snapshot.tags
