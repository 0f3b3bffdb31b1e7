"""What the engine shows to a registry when it pulls for us: the login that Dockrev itself would use."""

from dockrev.docker.registry_login import RegistryLogin
from dockrev.oci.ref import DOCKER_HUB, ImageRef
from dockrev.registry.credentials import HUB_SERVER, CredentialStore


async def registry_login(credentials: CredentialStore, ref: ImageRef) -> RegistryLogin | None:
    """Raises RegistryError (CREDENTIALS) when Docker's config.json or a helper cannot be used."""
    login = await credentials.find(ref.registry)
    if login is None:
        return None
    server = HUB_SERVER if ref.registry == DOCKER_HUB else ref.registry
    if login.identity:
        return RegistryLogin(server, identity_token=login.secret)
    return RegistryLogin(server, login.username, login.secret)
