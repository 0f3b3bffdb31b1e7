"""What the steps of an update need from the world, each as narrow as it is used."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from dockrev.clock import Clock
from dockrev.compose.models import ProjectFiles, ProjectView, UpOrder
from dockrev.config import UpdateConfig
from dockrev.docker.registry_login import RegistryLogin
from dockrev.hosts.host import Host
from dockrev.oci.digest import Digest
from dockrev.oci.manifest import ImageManifest, Index
from dockrev.oci.ref import ImageRef
from dockrev.replacement.health import HealthLimits
from dockrev.stacks.views import ServiceView

OnLine = Callable[[str], Awaitable[None]]


class Projects(Protocol):
    async def read(self, project: str) -> ProjectView:
        """Raises ComposeError when Compose cannot render it, NotFound when it has no containers."""
        ...

    async def render(self, files: ProjectFiles) -> ProjectView:
        """The same of files that are known, whatever has become of the containers."""
        ...

    async def up(self, order: UpOrder, on_line: OnLine) -> None:
        """Starts exactly these services from what is here; raises ComposeError with Compose's own words."""
        ...

    async def is_up_to_date(self, files: ProjectFiles, service: str, replicas: int) -> bool:
        """Would Compose keep all its containers? False also when it cannot be known."""
        ...


class Registry(Protocol):
    async def head(self, ref: ImageRef) -> Digest: ...

    async def manifest(self, ref: ImageRef) -> Index | ImageManifest: ...


@dataclass(frozen=True, slots=True)
class Tools:
    host: Host
    projects: Projects
    registry: Registry
    login: Callable[[ImageRef], Awaitable[RegistryLogin | None]]
    look_around: Callable[[], Awaitable[object]]
    appraised: Callable[[str, str], Awaitable[ServiceView | None]]
    """A stack's service, by their ids, as its registry says now."""
    clock: Clock
    patience: Callable[[], Awaitable[HealthLimits]]
    retries: UpdateConfig
