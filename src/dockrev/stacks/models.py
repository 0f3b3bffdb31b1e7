"""Stacks and their services, as Dockrev last saw them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from dockrev.hosts.local import LOCAL
from dockrev.oci.digest import Digest


class StackStatus(StrEnum):
    HEALTHY = "healthy"
    DEGRADED = "degraded"
    UNKNOWN = "unknown"


class BackupChoice(StrEnum):
    INHERIT = "inherit"
    SKIP = "skip"
    FORCE = "force"


@dataclass(frozen=True, slots=True)
class RunningImage:
    """An image that a container of the service uses. `digests`: those in the service's repository."""

    image_id: str
    digests: tuple[Digest, ...]
    version: str | None = None
    """The image's label `org.opencontainers.image.version`."""


@dataclass(frozen=True, slots=True)
class Runtime:
    """The containers of a service.

    `images`: the images of the running containers, or of the stopped ones if no container runs.
    """

    total: int = 0
    running: int = 0
    unhealthy: int = 0
    images: tuple[RunningImage, ...] = ()

    @property
    def digests(self) -> frozenset[Digest]:
        return frozenset(digest for image in self.images for digest in image.digests)


@dataclass(frozen=True, slots=True)
class ServiceSettings:
    auto_rollback: bool
    bind_paths: Mapping[str, BackupChoice]
    volume_names: Mapping[str, BackupChoice]
    repo_url: str | None


@dataclass(frozen=True, slots=True)
class Service:
    """`image_ref`: the reference in the rendered configuration. None when the service only has `build`.

    `archived`: the operator archived the service. `removed`: the project does not have it any more.
    """

    id: str
    host_id: str
    stack_id: str
    name: str
    image_ref: str | None
    builds: bool
    watched: bool
    runtime: Runtime
    config_digest: str
    """The digest of the service's configuration when Dockrev last read it. Empty: it never did."""
    settings: ServiceSettings
    archived: bool
    removed: bool
    updated_at: datetime
    """When discovery last saw a change of the service."""


@dataclass(frozen=True, slots=True)
class Stack:
    id: str
    host_id: str
    name: str
    compose_files: tuple[str, ...]
    runtime_known: bool
    archived: bool
    created_at: datetime
    last_check_at: datetime
    services: tuple[Service, ...]

    @property
    def status(self) -> StackStatus:
        """Healthy: every container runs, and none is unhealthy. Unknown: the engine did not answer."""
        if not self.runtime_known:
            return StackStatus.UNKNOWN
        total = sum(service.runtime.total for service in self.services)
        sound = sum(service.runtime.running - service.runtime.unhealthy for service in self.services)
        return StackStatus.HEALTHY if total and sound == total else StackStatus.DEGRADED


@dataclass(frozen=True, slots=True)
class ObservedService:
    name: str
    image_ref: str | None
    builds: bool
    watched: bool
    runtime: Runtime
    config_digest: str = ""


@dataclass(frozen=True, slots=True)
class ObservedStack:
    """A project as a discovery scan saw it."""

    project: str
    compose_files: tuple[str, ...]
    services: tuple[ObservedService, ...]
    host_id: str = LOCAL


class ArchivedFilter(StrEnum):
    EXCLUDE = "exclude"
    INCLUDE = "include"
    ONLY = "only"

    def admits(self, archived: bool) -> bool:
        return self is ArchivedFilter.INCLUDE or archived == (self is ArchivedFilter.ONLY)
