"""Decides whether the version of a service is known, and which lookups it needs. No I/O."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from dockrev.versions.models import DigestSnapshot, InferenceReason, Lookup, VersionKnowledge
from dockrev.versions.service_image import ServiceImage
from dockrev.versions.tags import resolved

STALE_AFTER = timedelta(days=7)
RETRY_AFTER = timedelta(minutes=10)
"""A lookup that failed, or that used up its budget before it found a version, is repeated after this time."""


class InferenceStatus(StrEnum):
    READY = "ready"
    PENDING = "pending"


NOT_REQUIRED = "not_required"


@dataclass(frozen=True, slots=True)
class InferenceState:
    """`reason` is shown by the API: why a lookup is pending, or why there is no version."""

    status: InferenceStatus
    reason: str | None = None
    checked_at: datetime | None = None

    @property
    def ok(self) -> bool:
        """False when the last lookup at the registry failed."""
        return self.reason != InferenceReason.ALL_FAILED


def inference_of(
    image: ServiceImage | None, knowledge: VersionKnowledge, now: datetime
) -> tuple[InferenceState, tuple[Lookup, ...]]:
    """Returns the state and the lookups that the caller has to enqueue.

    `image` is None when the image reference of the service cannot be read. The lookups include those that
    wait already for a less urgent reason, so that they move ahead.
    """
    if image is None or not image.needs_inference:
        return InferenceState(InferenceStatus.READY, NOT_REQUIRED), ()
    lookups, pending, failed = [], [], False
    for digest in image.digests:
        key = image.key(digest)
        task, snapshot = knowledge.tasks.get(key), knowledge.snapshots.get(key)
        failed = failed or (snapshot is not None and snapshot.all_failed)
        reason = lookup_reason(snapshot, image.tag, now)
        if reason is not None and (task is None or reason.urgency < task.reason.urgency):
            lookups.append(image.lookup(digest, reason))
        reason_under_way = task.reason if task else reason
        if reason_under_way is not None and reason_under_way is not InferenceReason.FORCE:
            pending.append(reason_under_way.value)
    checked_at = _newest(image, knowledge)
    if pending:
        return InferenceState(InferenceStatus.PENDING, pending[0], checked_at), tuple(lookups)
    reason_shown = InferenceReason.ALL_FAILED.value if failed else None
    return InferenceState(InferenceStatus.READY, reason_shown, checked_at), ()


def lookup_reason(snapshot: DigestSnapshot | None, tag: str, now: datetime) -> InferenceReason | None:
    """Why a service with this tag needs a new lookup. None: the snapshot is recent enough."""
    if snapshot is None:
        return InferenceReason.CACHE_MISS
    age = now - snapshot.checked_at
    if snapshot.all_failed:
        return InferenceReason.ALL_FAILED if age >= RETRY_AFTER else None
    if age >= STALE_AFTER or (age >= RETRY_AFTER and _is_incomplete(snapshot, tag)):
        return InferenceReason.CACHE_STALE
    return None


def _is_incomplete(snapshot: DigestSnapshot, tag: str) -> bool:
    """The lookup found no version, but did not ask about every tag."""
    return snapshot.scan.ok < snapshot.scan.total and not resolved(snapshot.tags, tag)


def _newest(image: ServiceImage, knowledge: VersionKnowledge) -> datetime | None:
    snapshots = (knowledge.snapshots.get(image.key(digest)) for digest in image.digests)
    return max((snapshot.checked_at for snapshot in snapshots if snapshot), default=None)
