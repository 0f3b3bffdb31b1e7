"""Which version is behind a service's tag, from what is known; what would have to be found out. No I/O."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from dockrev.errors import InvalidArgument
from dockrev.ignores.matching import first_match
from dockrev.ignores.models import IgnoreMatch, IgnoreRule
from dockrev.oci.digest import Digest
from dockrev.oci.ref import ImageRef
from dockrev.stacks.models import Service
from dockrev.stacks.update_state import UpdateState
from dockrev.versions.models import VersionKnowledge
from dockrev.versions.state import InferenceState, Need, Subject, inference_of
from dockrev.versions.tags import is_strict_semver, resolved


@dataclass(frozen=True, slots=True)
class DisplayedVersion:
    """`current` and `candidate`: the version tags of the digests, the best first.

    `label` is what the image that runs says of itself, which nothing proves.
    """

    current: tuple[str, ...]
    candidate: tuple[str, ...]
    label: str | None
    inference: InferenceState
    needs: tuple[Need, ...] = ()

    @property
    def resolved_tag(self) -> str | None:
        """Of what runs."""
        return self.current[0] if self.current else None

    @property
    def resolved_tags(self) -> list[str] | None:
        """None when there are not several."""
        return list(self.current) if len(self.current) > 1 else None

    def of_current(self, tag: str) -> str:
        return self.resolved_tag or tag

    def of_candidate(self, tag: str) -> str:
        return self.candidate[0] if self.candidate else tag


def version_of(
    service: Service, state: UpdateState, knowledge: VersionKnowledge, now: datetime
) -> DisplayedVersion:
    subject = subject_of(service, state)
    inference, needs = inference_of(subject, knowledge, now)
    label = next((image.version for image in service.runtime.images if image.version), None)
    if subject is None or subject.tag_is_version:
        return DisplayedVersion((), (), label, inference, needs)
    candidate = state.candidate.digest if state.candidate else None
    current, offered = (_tags(subject, digest, knowledge) for digest in (state.digest, candidate))
    return DisplayedVersion(current, offered, label, inference, needs)


def subject_of(service: Service, state: UpdateState) -> Subject | None:
    """None: there is nothing in a registry to look into."""
    if state.unchecked or service.image_ref is None:
        return None
    try:
        repository = ImageRef.parse(service.image_ref).repository
    except InvalidArgument:
        return None
    candidate = state.candidate.digest if state.candidate else None
    digests = tuple(digest for digest in (candidate, state.digest) if digest)
    return Subject(repository, state.tag, digests, is_strict_semver(state.tag))


def _tags(subject: Subject, digest: Digest | None, knowledge: VersionKnowledge) -> tuple[str, ...]:
    if digest is None:
        return ()
    return tuple(resolved(knowledge.tags_of(subject.repository, digest), subject.tag))


def ignored_by(
    state: UpdateState, version: DisplayedVersion, rules: Sequence[IgnoreRule]
) -> IgnoreMatch | None:
    """The rule that silences the candidate, and the raw tag or the version that it fits."""
    if state.candidate is None:
        return None
    return first_match(rules, state.candidate.tag, version.candidate)
