"""The image of a service, as version inference needs it. No I/O."""

from dataclasses import dataclass

from dockrev.oci.digest import Digest
from dockrev.oci.platform import Platform
from dockrev.oci.ref import ImageRef
from dockrev.versions.models import DigestKey, InferenceReason, Lookup
from dockrev.versions.tags import is_strict_semver


@dataclass(frozen=True, slots=True)
class ServiceImage:
    """`current` is the digest that runs, `candidate` the one that the registry offers instead.

    `platform`: the platform of the service's host.
    `labels`: the version labels of the local image (`org.opencontainers.image.version`).
    `checked`: False for a service that checks skip. It shows no version, and gets no lookup until the
    operator orders one.
    """

    service_id: str
    ref: ImageRef
    tag: str
    platform: Platform
    current: Digest | None = None
    candidate: Digest | None = None
    labels: tuple[str, ...] = ()
    archived: bool = False
    checked: bool = True

    @property
    def digests(self) -> tuple[Digest, ...]:
        """The candidate comes first, because its lookup usually answers the one of the current digest too."""
        return tuple(dict.fromkeys(digest for digest in (self.candidate, self.current) if digest))

    @property
    def needs_inference(self) -> bool:
        """False when the tag is a strict semantic version: then the version is known already."""
        return self.checked and bool(self.digests) and not is_strict_semver(self.tag)

    def key(self, digest: Digest) -> DigestKey:
        return DigestKey(self.ref.repository, digest, self.platform)

    def lookup(self, digest: Digest, reason: InferenceReason) -> Lookup:
        runs = digest == self.current
        return Lookup(
            self.key(digest),
            reason,
            raw_tags=(self.tag,) if self.tag else (),
            labels=self.labels if runs else (),
            runs=runs,
        )
