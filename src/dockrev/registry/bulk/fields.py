"""Reads values out of JSON.

A document of the wrong shape raises InvalidArgument. A part of the wrong shape is None or left out, never
guessed.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from dockrev.errors import InvalidArgument, Json
from dockrev.oci.digest import Digest
from dockrev.oci.manifest import Child
from dockrev.oci.platform import Platform
from dockrev.oci.ref import is_tag
from dockrev.registry.bulk.models import TagDigest

Object = Mapping[str, Json]


def mapping(value: Json) -> Object:
    if not isinstance(value, Mapping):
        raise InvalidArgument("not a JSON object")
    return value


def entries(listing: Object, name: str) -> list[Object]:
    """The list of objects called `name`; null is an empty one."""
    value = listing.get(name, False)
    return [] if value is None else every(value)


def every(value: Json) -> list[Object]:
    if not isinstance(value, list) or not all(isinstance(entry, Mapping) for entry in value):
        raise InvalidArgument("not a list of objects")
    return value


def objects(value: Json) -> Iterator[Object]:
    """The objects of a list that may be missing."""
    if isinstance(value, list):
        yield from (entry for entry in value if isinstance(entry, Mapping))


def tag_digest(
    tag: Json, digest: Json, updated_at: datetime | None = None, children: tuple[Child, ...] = ()
) -> TagDigest | None:
    named = digest_of(digest)
    if named is None or not isinstance(tag, str) or not is_tag(tag):
        return None
    return TagDigest(tag, named, children, updated_at)


def digest_of(value: Json) -> Digest | None:
    try:
        return Digest.parse(value) if isinstance(value, str) else None
    except InvalidArgument:
        return None


def child_of(digest: Json, platform: Json) -> Child | None:
    """`platform` has `os`, `architecture` and perhaps `variant`."""
    named = digest_of(digest)
    if named is None or not isinstance(platform, Mapping):
        return None
    os, architecture, variant = (platform.get(key) for key in ("os", "architecture", "variant"))
    if not isinstance(os, str) or not isinstance(architecture, str):
        return None
    declared = Platform.of(os, architecture, variant if isinstance(variant, str) else None)
    return Child(declared, named) if declared.known and os and architecture else None


def moment_of(value: Json) -> datetime | None:
    """An RFC 3339 or RFC 5322 moment, in UTC."""
    if not isinstance(value, str):
        return None
    for parse in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            moment = parse(value)
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
        except (ValueError, OverflowError):
            continue
    return None
