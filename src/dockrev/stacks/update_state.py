"""Decides from stored observations whether an update is waiting, each time somebody asks. No I/O."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from dockrev.errors import InvalidArgument
from dockrev.images.models import CheckError, ImageFacts, TagState
from dockrev.oci.digest import Digest
from dockrev.oci.platform import Platform
from dockrev.oci.ref import DEFAULT_TAG, ImageRef
from dockrev.stacks.models import RunningImage, Service


class ArchMatch(StrEnum):
    MATCH = "match"
    MISMATCH = "mismatch"
    UNKNOWN = "unknown"


INVALID_REFERENCE = "invalid_image_reference"


class NotCheckedReason(StrEnum):
    """Why checks skip a service."""

    LOCAL_BUILD = "local build"
    NOT_WATCHED = "not watched"
    PINNED = "pinned to a digest"
    REMOVED = "removed from the project"
    INVALID = "invalid image reference"
    NOTHING_RUNS = "no containers"


class CandidateKind(StrEnum):
    DIGEST = "digest"
    """The same tag names another image now."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """An image that could replace the one that runs.

    `first_seen_at`: when Dockrev first saw it at the registry.
    """

    kind: CandidateKind
    tag: str
    digest: Digest
    arch_match: ArchMatch
    platforms: tuple[Platform, ...]
    first_seen_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class UpdateState:
    """The image of a service now, and its candidates."""

    tag: str
    digest: Digest | None
    candidates: tuple[Candidate, ...] = ()
    checked_at: datetime | None = None
    check_error: CheckError | None = None
    unchecked: NotCheckedReason | None = None

    @property
    def candidate(self) -> Candidate | None:
        """The candidate that the API shows: the new digest of the same tag. No other kind exists yet."""
        return self.candidates[0] if self.candidates else None

    @property
    def counts_as_update(self) -> bool:
        return self.candidate is not None and self.candidate.arch_match is ArchMatch.MATCH


@dataclass(frozen=True, slots=True)
class RegistryFacts:
    """What registries said about tags and digests."""

    tags: Mapping[tuple[str, str], TagState]
    facts: Mapping[Digest, ImageFacts]


def question_of(service: Service) -> tuple[ImageRef, str] | NotCheckedReason:
    """The tag to ask the registry about, or the reason why checks skip the service."""
    for applies, reason in (
        (service.removed, NotCheckedReason.REMOVED),
        (
            service.image_ref is None or (service.builds and not service.runtime.digests),
            NotCheckedReason.LOCAL_BUILD,
        ),
        (not service.watched, NotCheckedReason.NOT_WATCHED),
    ):
        if applies:
            return reason
    try:
        ref = ImageRef.parse(service.image_ref or "")
    except InvalidArgument:
        return NotCheckedReason.INVALID
    if ref.pinned or ref.tag is None:
        return NotCheckedReason.PINNED
    return (ref, ref.tag) if service.runtime.total else NotCheckedReason.NOTHING_RUNS


def evaluate(service: Service, knowledge: RegistryFacts, platform: Platform) -> UpdateState:
    """`platform`: the platform of the service's host."""
    question = question_of(service)
    if isinstance(question, NotCheckedReason):
        error = _invalid_reference(service) if question is NotCheckedReason.INVALID else None
        return UpdateState(_shown_tag(service), _only_digest(service), check_error=error, unchecked=question)
    ref, tag = question
    state = knowledge.tags.get((ref.repository, tag)) or TagState(ref.repository, tag)
    outdated = [image for image in service.runtime.images if _differs(image, state, knowledge, platform)]
    candidate = _candidate(state, knowledge, platform) if outdated else None
    return UpdateState(
        tag=tag,
        digest=_current_digest(service, state, outdated),
        candidates=(candidate,) if candidate else (),
        checked_at=state.checked_at,
        check_error=state.error,
    )


def _invalid_reference(service: Service) -> CheckError:
    """An invalid reference is a failed check, because the operator expects a check of the service."""
    text = (
        f"{service.image_ref!r} is not a valid image reference; "
        "correct it in the compose file, or set its variables"
    )
    return CheckError(INVALID_REFERENCE, text, service.updated_at)


def _differs(image: RunningImage, state: TagState, knowledge: RegistryFacts, platform: Platform) -> bool:
    """Does the image for this platform really change?

    Compares index with index, and platform manifest with platform manifest.
    """
    if state.digest is None or not image.digests or state.digest in image.digests:
        return False
    offered = _platform_digest(state.digest, knowledge, platform)
    if offered is None:
        return True
    return offered not in image.digests and offered not in (
        _platform_digest(digest, knowledge, platform) for digest in image.digests
    )


def _platform_digest(digest: Digest, knowledge: RegistryFacts, platform: Platform) -> Digest | None:
    facts = knowledge.facts.get(digest)
    return facts.digest_for(platform) if facts else None


def _candidate(state: TagState, knowledge: RegistryFacts, platform: Platform) -> Candidate | None:
    if state.digest is None:
        return None
    facts = knowledge.facts.get(state.digest)
    platforms = facts.platforms if facts else ()
    return Candidate(
        CandidateKind.DIGEST,
        state.tag,
        state.digest,
        _arch_match(platform, platforms),
        platforms,
        state.digest_since,
    )


def _arch_match(platform: Platform, offered: tuple[Platform, ...]) -> ArchMatch:
    if not offered:
        return ArchMatch.UNKNOWN
    matches = any(platform.same_machine(other) for other in offered)
    return ArchMatch.MATCH if matches else ArchMatch.MISMATCH


def _current_digest(service: Service, state: TagState, outdated: list[RunningImage]) -> Digest | None:
    """The digest that runs. If replicas differ, it is the one of an outdated replica, which needs the update.

    If the running image has no digest of this registry, it is the digest that the tag names there. The API
    promises that.
    """
    images = outdated or list(service.runtime.images)
    if not images or not images[0].digests:
        return state.digest
    digests = images[0].digests
    return state.digest if state.digest in digests else digests[-1]


def _only_digest(service: Service) -> Digest | None:
    digests = service.runtime.digests
    return next(iter(digests)) if len(digests) == 1 else None


def _shown_tag(service: Service) -> str:
    try:
        return ImageRef.parse(service.image_ref or "").tag or ""
    except InvalidArgument:
        return DEFAULT_TAG if service.image_ref is None else ""
