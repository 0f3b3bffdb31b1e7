"""The parts that the updates of one host use."""

from dataclasses import dataclass

from dockrev.backups.create import BackupCreator
from dockrev.backups.restore import BackupRestorer
from dockrev.backups.store import BackupStore
from dockrev.clock import Clock
from dockrev.config.server import UpdateConfig
from dockrev.discovery.scan import Scanner
from dockrev.hosts.host import Host
from dockrev.registry.client import RegistryClient
from dockrev.registry.credentials import CredentialStore
from dockrev.replacement.ports import ImageRegistry
from dockrev.replacement.waiting import ReplacementPolicies, is_temporary
from dockrev.retry import RetryPolicy, doubling
from dockrev.settings.store import SettingsStore
from dockrev.stacks.store import StackStore
from dockrev.stacks.views import ServiceView, StackViews
from dockrev.update_checks.checker import Checker
from dockrev.updates.logins import registry_login
from dockrev.updates.settings import health_limits


@dataclass(frozen=True, slots=True)
class UpdateEnvironment:
    host: Host
    registry: RegistryClient
    credentials: CredentialStore
    backups: BackupStore
    backup_creator: BackupCreator
    backup_restorer: BackupRestorer
    stacks: StackStore
    views: StackViews
    scanner: Scanner
    checker: Checker
    settings: SettingsStore
    clock: Clock
    retries: UpdateConfig

    @property
    def images(self) -> ImageRegistry:
        return ImageRegistry(
            self.registry.manifest, lambda content: registry_login(self.credentials, content)
        )

    async def checked_again(self, stack_id: str, service_id: str) -> ServiceView | None:
        """Asks the registry about the service and reads it again. None when the service is gone."""
        if view := await self.views.service(stack_id, service_id):
            await self.checker.refresh([view.service])
        return await self.views.service(stack_id, service_id)

    async def policies(self) -> ReplacementPolicies:
        retries = self.retries
        pauses = doubling(
            retries.retry_base_ms / 1000, retries.retry_max_ms / 1000, retries.retry_max_attempts - 1
        )
        return ReplacementPolicies(
            registry=RetryPolicy(pauses, is_temporary),
            health=await health_limits(self.settings),
        )
