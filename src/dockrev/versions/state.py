"""Is the version of a service known, and what has to be looked into for it? No I/O."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from dockrev.oci.digest import Digest
from dockrev.versions.models import DigestKey, DigestSnapshot, InferenceReason, VersionKnowledge
from dockrev.versions.tags import resolved

STALE_AFTER = timedelta(days=7)
RETRY_AFTER = timedelta(minutes=10)
"""How long a look stands that failed, or that ended at its budget before a version was found."""


class InferenceStatus(StrEnum):
    READY = "ready"
    PENDING = "pending"


NOT_REQUIRED = "not_required"


@dataclass(frozen=True, slots=True)
class InferenceState:
    """`reason` is a word of the API: why it is pending, or why nothing is to be expected."""

    status: InferenceStatus
    reason: str | None = None
    checked_at: datetime | None = None

    @property
    def ok(self) -> bool:
        """False when the last look at the registry failed."""
        return self.reason != InferenceReason.ALL_FAILED


@dataclass(frozen=True, slots=True)
class Need:
    """A digest that should be looked into."""

    key: DigestKey
    reason: InferenceReason


@dataclass(frozen=True, slots=True)
class Subject:
    """What a service shows: a tag, the digest that runs and the one that its registry offers."""

    repository: str
    tag: str
    digests: tuple[Digest, ...]
    tag_is_version: bool
    """The tag is a whole version itself (strict semver): nothing has to be found out."""


def inference_of(
    subject: Subject | None, knowledge: VersionKnowledge, now: datetime
) -> tuple[InferenceState, tuple[Need, ...]]:
    """None: the image reference cannot be read. The needs are to be enqueued; nothing else is asked.

    What waits already for a lesser reason is among them: somebody looks at it now, so it goes first.
    """
    if subject is None or subject.tag_is_version or not subject.digests:
        return InferenceState(InferenceStatus.READY, NOT_REQUIRED), ()
    needs, pending, failed = [], [], False
    for digest in dict.fromkeys(subject.digests):
        key = DigestKey(subject.repository, digest, knowledge.platform)
        task, snapshot = knowledge.tasks.get(key), knowledge.snapshots.get(key)
        failed = failed or (snapshot is not None and snapshot.all_failed)
        reason = need_of(snapshot, subject.tag, now)
        if reason is not None and (task is None or reason.urgency < task.reason.urgency):
            needs.append(Need(key, reason))
        under_way = task.reason if task else reason
        if under_way is not None and under_way is not InferenceReason.FORCE:
            pending.append(under_way.value)
    checked_at = _newest(subject, knowledge)
    if pending:
        return InferenceState(InferenceStatus.PENDING, pending[0], checked_at), tuple(needs)
    reason_shown = InferenceReason.ALL_FAILED.value if failed else None
    return InferenceState(InferenceStatus.READY, reason_shown, checked_at), ()


def need_of(snapshot: DigestSnapshot | None, tag: str, now: datetime) -> InferenceReason | None:
    """Why this snapshot does not do for a service of this tag, if so."""
    if snapshot is None:
        return InferenceReason.CACHE_MISS
    age = now - snapshot.checked_at
    if snapshot.all_failed:
        return InferenceReason.ALL_FAILED if age >= RETRY_AFTER else None
    if age >= STALE_AFTER or (age >= RETRY_AFTER and _given_up(snapshot, tag)):
        return InferenceReason.CACHE_STALE
    return None


def _given_up(snapshot: DigestSnapshot, tag: str) -> bool:
    """No version was found, but not every tag has answered."""
    return snapshot.scan.ok < snapshot.scan.total and not resolved(snapshot.tags, tag)


def _newest(subject: Subject, knowledge: VersionKnowledge) -> datetime | None:
    found = (knowledge.snapshot(subject.repository, digest) for digest in subject.digests)
    return max((snapshot.checked_at for snapshot in found if snapshot), default=None)
