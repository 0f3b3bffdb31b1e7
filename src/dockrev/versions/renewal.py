"""Renews tag lists and snapshots when more tags are known. No I/O."""

from collections.abc import Mapping
from dataclasses import replace

from dockrev.versions.models import DigestSnapshot, ScanCounts, TagFact, TagListing
from dockrev.versions.tags import display_order


def newest_listing(stored: TagListing | None, read: TagListing | None) -> TagListing | None:
    """The newer of the two lists. A slow reader may bring an older list than the stored one."""
    if stored is None or read is None:
        return read or stored
    return stored if stored.listed_at > read.listed_at else read


def missing(listing: TagListing, facts: Mapping[str, TagFact]) -> set[str]:
    """The tags that are not in the list, although they were seen before it was read."""
    names = set(listing.names)
    return {tag for tag, fact in facts.items() if tag not in names and fact.seen_at <= listing.listed_at}


def completed(listing: TagListing, facts: Mapping[str, TagFact]) -> TagListing:
    """Sets `complete_at` to the time of the newest fact if the digest of every tag is known, else to None."""
    if any(name not in facts for name in listing.names):
        return replace(listing, complete_at=None)
    seen = (facts[name].seen_at for name in listing.names)
    return replace(listing, complete_at=max((listing.listed_at, *seen)))


def renewed(snapshot: DigestSnapshot, listing: TagListing, facts: Mapping[str, TagFact]) -> DigestSnapshot:
    """The snapshot with every tag of its digest. `listing` must be complete.

    The snapshot is as old as the oldest fact that it uses, and never older than before. When a lookup failed
    after the list was read, and no fact names the digest, the snapshot stays as it is.
    """
    naming = {tag: fact for tag, fact in facts.items() if fact.names(snapshot.key.digest)}
    if not naming and snapshot.all_failed and listing.listed_at < snapshot.checked_at:
        return snapshot
    evidence = (fact.seen_at for fact in (naming or facts).values())
    count = len(listing.names)
    return replace(
        snapshot,
        tags=tuple(display_order(naming)),
        checked_at=max(snapshot.checked_at, min(evidence, default=listing.listed_at)),
        scan=ScanCounts(count, count, count),
    )
