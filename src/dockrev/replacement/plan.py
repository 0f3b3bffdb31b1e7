"""The input of a replacement. No I/O."""

from dataclasses import dataclass

from dockrev.oci.digest import Digest
from dockrev.oci.ref import ImageRef


@dataclass(frozen=True, slots=True)
class ServiceChange:
    """The new image of one service of a project. It is fixed before the replacement begins."""

    service_id: str
    """Identifies the service in the journal and in the tag of its kept image."""
    name: str
    image_ref: str
    """The name in the compose file. The replacement moves this name to the new image."""
    digest: str
    auto_rollback: bool
    config_digest: str
    """The digest of the service's configuration at the time of the approval; empty when unknown."""
    namesakes: tuple[str, ...] = ()
    """The other services that use the same image name and are not changed, as `project/service`."""

    @property
    def ref(self) -> ImageRef:
        return ImageRef.parse(self.image_ref)

    @property
    def content(self) -> ImageRef:
        """The approved image by its digest, which its tag may not name any more."""
        return ImageRef(self.ref.registry, self.ref.path, None, Digest(self.digest))


@dataclass(frozen=True, slots=True)
class Replacement:
    """Changes of one project that belong together.

    A resumed replacement has the same `id`. `dry_run`: run only the steps that change nothing.
    """

    id: str
    project: str
    changes: tuple[ServiceChange, ...]
    dry_run: bool = False
    allow_arch_mismatch: bool = False
