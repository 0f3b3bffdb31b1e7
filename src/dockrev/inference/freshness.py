"""Decides how long stored answers of a registry are trusted. No I/O."""

from datetime import datetime, timedelta

from dockrev.inference.evidence import is_version
from dockrev.inference.tag_list import TagList
from dockrev.versions.models import TagFact, TagListing
from dockrev.versions.state import STALE_AFTER

_LIST_FRESH = timedelta(minutes=10)
_MOVING_TAG_FRESH = timedelta(days=1)
"""For a tag that is no version, such as `1.27` or `nightly`. Versions are trusted for `STALE_AFTER`."""


def is_fact_fresh(fact: TagFact, tag_list: TagList | None, now: datetime) -> bool:
    limit = STALE_AFTER if is_version(fact.tag, tag_list) else _MOVING_TAG_FRESH
    return now - fact.seen_at < limit


def is_list_fresh(listing: TagListing | None, now: datetime) -> bool:
    return listing is not None and now - listing.listed_at < _LIST_FRESH
