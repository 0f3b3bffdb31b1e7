"""What the steps of an update need from the world, each as narrow as it is used."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from dockrev.clock import Clock
from dockrev.config import UpdateConfig
from dockrev.discovery.scan import Scanner
from dockrev.docker.registry_login import RegistryLogin
from dockrev.hosts.host import Host
from dockrev.oci.digest import Digest
from dockrev.oci.manifest import ImageManifest, Index
from dockrev.oci.ref import ImageRef
from dockrev.settings.store import SettingsStore
from dockrev.update_checks.checker import Checker


class Registry(Protocol):
    async def head(self, ref: ImageRef) -> Digest: ...

    async def manifest(self, ref: ImageRef) -> Index | ImageManifest: ...


@dataclass(frozen=True, slots=True)
class Tools:
    host: Host
    registry: Registry
    login: Callable[[ImageRef], Awaitable[RegistryLogin | None]]
    scanner: Scanner
    checker: Checker
    clock: Clock
    settings: SettingsStore
    retries: UpdateConfig
