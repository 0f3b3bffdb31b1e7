"""The tags of a repository, and the work that finds out what they name."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from dockrev.oci.digest import Digest
from dockrev.oci.platform import Platform
from dockrev.oci.ref import ImageRef


class InferenceReason(StrEnum):
    """Why a digest is looked up."""

    FORCE = "force"
    API_SNAPSHOT_READ_MISS = "api_snapshot_read_miss"
    CACHE_MISS = "cache_miss"
    CACHE_STALE = "cache_stale"
    ALL_FAILED = "all_failed"
    NEW_VERSION = "new_version"
    RUNTIME_SCAN_DIGEST_CHANGED = "runtime_scan_digest_changed"
    UPDATE_DIGEST_CHANGED = "update_digest_changed"
    STARTUP_WARMUP = "startup_warmup"

    @property
    def urgency(self) -> int:
        """0 is the most urgent: the operator ordered the lookup. Next come open pages, then changes."""
        return _URGENCY[self]


_URGENCY = {
    InferenceReason.FORCE: 0,
    InferenceReason.API_SNAPSHOT_READ_MISS: 1,
    InferenceReason.CACHE_MISS: 1,
    InferenceReason.CACHE_STALE: 2,
    InferenceReason.ALL_FAILED: 2,
    InferenceReason.NEW_VERSION: 3,
    InferenceReason.RUNTIME_SCAN_DIGEST_CHANGED: 3,
    InferenceReason.UPDATE_DIGEST_CHANGED: 3,
    InferenceReason.STARTUP_WARMUP: 4,
}


@dataclass(frozen=True, slots=True)
class DigestKey:
    """A digest in a repository (`ImageRef.repository`), as a host of this platform runs it."""

    repository: str
    digest: Digest
    platform: Platform

    def __str__(self) -> str:
        return f"{self.repository}@{self.digest}@{self.platform}"


@dataclass(frozen=True, slots=True)
class Lookup:
    """The request to find out which version a digest is.

    `raw_tags`: the tags with which services are configured. `labels`: the version labels of the local image.
    `runs`: every service that needs the digest runs it already, so its tags are not newer than the tag list.
    """

    key: DigestKey
    reason: InferenceReason
    raw_tags: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    runs: bool = False

    @property
    def ref(self) -> ImageRef:
        registry, _, path = self.key.repository.partition("/")
        return ImageRef(registry, path, None)

    def merged(self, other: "Lookup") -> "Lookup":
        """A lookup that serves both. It keeps this reason, unless the operator ordered the other lookup."""
        forced = other.reason is InferenceReason.FORCE
        return Lookup(
            self.key,
            other.reason if forced else self.reason,
            tuple(dict.fromkeys((*self.raw_tags, *other.raw_tags))),
            tuple(dict.fromkeys((*self.labels, *other.labels))),
            self.runs and other.runs,
        )


@dataclass(frozen=True, slots=True)
class TagFact:
    """The digest that a tag named at `seen_at`. `children`: the platform manifests of an index, if known."""

    repository: str
    tag: str
    digest: Digest
    seen_at: datetime
    children: tuple[Digest, ...] = ()

    def names(self, digest: Digest) -> bool:
        return digest == self.digest or digest in self.children


@dataclass(frozen=True, slots=True)
class TagListing:
    """The tag list of a repository. `complete_at`: since when the digest of every tag in it is known."""

    repository: str
    names: tuple[str, ...]
    listed_at: datetime
    complete_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ScanCounts:
    """The tags that an answer is based on. `considered`: tags that were asked, or whose digest was known."""

    total: int = 0
    considered: int = 0
    ok: int = 0
    timeout: int = 0
    error: int = 0


@dataclass(frozen=True, slots=True)
class DigestSnapshot:
    """The tags that name a digest. `former`: tags that named it once, but not any more."""

    key: DigestKey
    tags: tuple[str, ...]
    checked_at: datetime
    scan: ScanCounts
    former: tuple[str, ...] = ()

    @property
    def all_failed(self) -> bool:
        return not self.tags and not self.scan.ok and bool(self.scan.timeout + self.scan.error)


@dataclass(frozen=True, slots=True)
class RetentionRun:
    """The last deletion of old snapshots. `error`: why it failed."""

    ran_at: datetime
    deleted: int
    duration_ms: int
    error: str | None = None


class TaskStatus(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"


class InferencePhase(StrEnum):
    PREPARE = "prepare"
    LISTING_TAGS = "listing_tags"
    SCANNING = "scanning"
    PERSIST = "persist"


@dataclass(frozen=True, slots=True)
class InferenceProgress:
    """`assigned`: tags that were asked. `result`: tags that were answered."""

    phase: InferencePhase
    message: str
    assigned: int
    result: int
    total: int
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class InferenceTask:
    """A lookup that waits or runs. `not_before`: the task must not start earlier."""

    lookup: Lookup
    enqueued_at: datetime
    updated_at: datetime
    status: TaskStatus = TaskStatus.QUEUED
    started_at: datetime | None = None
    attempts: int = 0
    not_before: datetime | None = None
    progress: InferenceProgress | None = None

    @property
    def key(self) -> DigestKey:
        return self.lookup.key

    @property
    def reason(self) -> InferenceReason:
        return self.lookup.reason


@dataclass(frozen=True, slots=True)
class VersionKnowledge:
    """The stored tags, snapshots and tasks of the digests that were asked for."""

    tags: Mapping[tuple[str, Digest], tuple[str, ...]]
    snapshots: Mapping[DigestKey, DigestSnapshot]
    tasks: Mapping[DigestKey, InferenceTask]

    def tags_of(self, key: DigestKey) -> tuple[str, ...]:
        """The known tags that name the digest now, in no particular order."""
        snapshot = self.snapshots.get(key)
        seen = self.tags.get((key.repository, key.digest), ())
        return tuple(dict.fromkeys((*seen, *(snapshot.tags if snapshot else ()))))
