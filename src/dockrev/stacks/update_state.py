"""Is an update waiting? Decided from observations alone, each time it is asked. No I/O."""

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
    """Why a service is never asked about at its registry."""

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
    """An image that could replace the one that runs. `first_seen_at`: when the registry was first seen to
    offer it.
    """

    kind: CandidateKind
    tag: str
    digest: Digest
    arch_match: ArchMatch
    platforms: tuple[Platform, ...]
    first_seen_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class UpdateState:
    """What is true of a service's image now."""

    tag: str
    digest: Digest | None
    candidates: tuple[Candidate, ...] = ()
    checked_at: datetime | None = None
    check_error: CheckError | None = None
    unchecked: NotCheckedReason | None = None

    @property
    def candidate(self) -> Candidate | None:
        """What the API calls the candidate: the new digest of the same tag, which is the only kind so far."""
        return self.candidates[0] if self.candidates else None

    @property
    def counts_as_update(self) -> bool:
        return self.candidate is not None and self.candidate.arch_match is ArchMatch.MATCH


@dataclass(frozen=True, slots=True)
class RegistryFacts:
    """What registries were seen to say."""

    tags: Mapping[tuple[str, str], TagState]
    facts: Mapping[Digest, ImageFacts]


def question_of(service: Service) -> tuple[ImageRef, str] | NotCheckedReason:
    """The tag whose movement is an update for this service, or why there is none."""
    for holds, why in (
        (service.removed, NotCheckedReason.REMOVED),
        (
            service.image_ref is None or (service.builds and not service.runtime.digests),
            NotCheckedReason.LOCAL_BUILD,
        ),
        (not service.watched, NotCheckedReason.NOT_WATCHED),
    ):
        if holds:
            return why
    try:
        ref = ImageRef.parse(service.image_ref or "")
    except InvalidArgument:
        return NotCheckedReason.INVALID
    if ref.pinned or ref.tag is None:
        return NotCheckedReason.PINNED
    return (ref, ref.tag) if service.runtime.total else NotCheckedReason.NOTHING_RUNS


def evaluate(service: Service, knowledge: RegistryFacts, platform: Platform) -> UpdateState:
    """`platform`: of the host that runs the service."""
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
    """A failure, since what the operator wants checked cannot be."""
    text = (
        f"{service.image_ref!r} is no image reference; correct it in the compose file, or set its variables"
    )
    return CheckError(INVALID_REFERENCE, text, service.updated_at)


def _differs(image: RunningImage, state: TagState, knowledge: RegistryFacts, platform: Platform) -> bool:
    """Index is compared with index and platform with platform: what runs here must really change."""
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
    return ArchMatch.MATCH if any(platform.same_machine(one) for one in offered) else ArchMatch.MISMATCH


def _current_digest(service: Service, state: TagState, outdated: list[RunningImage]) -> Digest | None:
    """The digest that runs; of several replicas an outdated one's, since that one awaits the update.

    What runs without a digest of this registry is shown by what its tag names there, as the API promises.
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
