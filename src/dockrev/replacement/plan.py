"""What a replacement is asked to do. No I/O."""

from dataclasses import dataclass

from dockrev.oci.digest import Digest
from dockrev.oci.ref import ImageRef


@dataclass(frozen=True, slots=True)
class ServiceChange:
    """The image that one service of a project gets. It is fixed before the replacement begins."""

    service_id: str
    """Names the service in the journal and in the tag of its kept image."""
    name: str
    image_ref: str
    """As in the compose file. This name moves to the new image."""
    digest: str
    auto_rollback: bool
    config_digest: str
    """Of the service's configuration when the change was approved; empty: not known."""
    namesakes: tuple[str, ...] = ()
    """`project/service` of the services that use the same image name and are not changed with it."""

    @property
    def ref(self) -> ImageRef:
        return ImageRef.parse(self.image_ref)

    @property
    def content(self) -> ImageRef:
        """The approved image by its digest, whatever its tags name by now."""
        return ImageRef(self.ref.registry, self.ref.path, None, Digest(self.digest))


@dataclass(frozen=True, slots=True)
class Replacement:
    """Changes of one project that are made, and rolled back, as one piece of work.

    `id` is the same when the work is resumed. `dry_run`: only the steps that change nothing.
    """

    id: str
    project: str
    changes: tuple[ServiceChange, ...]
    dry_run: bool = False
    allow_arch_mismatch: bool = False
