"""Decides from stored data which version a service shows, and which lookups it needs. No I/O."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from dockrev.errors import InvalidArgument
from dockrev.ignores.matching import first_match
from dockrev.ignores.models import IgnoreMatch, IgnoreRule
from dockrev.oci.digest import Digest
from dockrev.oci.platform import Platform
from dockrev.oci.ref import ImageRef
from dockrev.stacks.models import Service
from dockrev.stacks.update_state import UpdateState
from dockrev.versions.models import Lookup, VersionKnowledge
from dockrev.versions.service_image import ServiceImage
from dockrev.versions.state import InferenceState, inference_of
from dockrev.versions.tags import resolved


@dataclass(frozen=True, slots=True)
class DisplayedVersion:
    """`current` and `candidate`: the version tags of the two digests, the best first.

    `label`: the version label of the image that runs. It is not proven.
    """

    current: tuple[str, ...]
    candidate: tuple[str, ...]
    label: str | None
    inference: InferenceState
    lookups: tuple[Lookup, ...] = ()

    @property
    def resolved_tag(self) -> str | None:
        """The version tag of the image that runs."""
        return self.current[0] if self.current else None

    @property
    def resolved_tags(self) -> list[str] | None:
        """All version tags of the image that runs. None when there are less than two."""
        return list(self.current) if len(self.current) > 1 else None

    def of_current(self, tag: str) -> str:
        return self.resolved_tag or tag

    def of_candidate(self, tag: str) -> str:
        return self.candidate[0] if self.candidate else tag


def version_of(
    service: Service, state: UpdateState, platform: Platform, knowledge: VersionKnowledge, now: datetime
) -> DisplayedVersion:
    image = service_image(service, state, platform)
    inference, lookups = inference_of(image, knowledge, now)
    label = next((image.version for image in service.runtime.images if image.version), None)
    if image is None or not image.needs_inference:
        return DisplayedVersion((), (), label, inference, lookups)
    current, offered = (_tags(image, digest, knowledge) for digest in (image.current, image.candidate))
    return DisplayedVersion(current, offered, label, inference, lookups)


def service_image(service: Service, state: UpdateState, platform: Platform) -> ServiceImage | None:
    """Returns None when the image reference cannot be read."""
    try:
        ref = ImageRef.parse(service.image_ref or "")
    except InvalidArgument:
        return None
    return ServiceImage(
        service_id=service.id,
        ref=ref,
        tag=state.tag,
        platform=platform,
        current=state.digest,
        candidate=state.candidate.digest if state.candidate else None,
        labels=tuple(image.version for image in service.runtime.images if image.version),
        archived=service.archived or service.removed,
        checked=state.unchecked is None,
    )


def _tags(image: ServiceImage, digest: Digest | None, knowledge: VersionKnowledge) -> tuple[str, ...]:
    tags = knowledge.tags_of(image.key(digest)) if digest else ()
    return tuple(resolved(tags, image.tag)) if tags else ()


def ignored_by(
    state: UpdateState, version: DisplayedVersion, rules: Sequence[IgnoreRule]
) -> IgnoreMatch | None:
    """The rule that silences the candidate, and the tag or version that it fits."""
    if state.candidate is None:
        return None
    return first_match(rules, state.candidate.tag, version.candidate)
