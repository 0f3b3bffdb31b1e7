"""What the engine shows to a registry when it pulls for us: the login that we would use ourselves."""

from dockrev.docker.registry_login import RegistryLogin
from dockrev.oci.ref import DOCKER_HUB, ImageRef
from dockrev.registry.credentials import HUB_SERVER, CredentialStore


class Logins:
    def __init__(self, credentials: CredentialStore) -> None:
        self._credentials = credentials

    async def find(self, ref: ImageRef) -> RegistryLogin | None:
        """Raises RegistryError (CREDENTIALS) when Docker's config.json or a helper cannot be used."""
        found = await self._credentials.find(ref.registry)
        if found is None:
            return None
        server = HUB_SERVER if ref.registry == DOCKER_HUB else ref.registry
        if found.identity:
            return RegistryLogin(server, identity_token=found.secret)
        return RegistryLogin(server, found.username, found.secret)
