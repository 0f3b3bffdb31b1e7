"""The registry login that Dockrev gives to the engine for a pull: the same one that Dockrev uses itself."""

from dockrev.docker.registry_login import RegistryLogin
from dockrev.oci.ref import DOCKER_HUB, ImageRef
from dockrev.registry.credentials import HUB_SERVER, CredentialStore


async def registry_login(credentials: CredentialStore, ref: ImageRef) -> RegistryLogin | None:
    """None when there is no login for this registry.

    Raises RegistryError (CREDENTIALS) when Docker's config.json or a credential helper cannot be used.
    """
    login = await credentials.find(ref.registry)
    if login is None:
        return None
    server = HUB_SERVER if ref.registry == DOCKER_HUB else ref.registry
    if login.identity:
        return RegistryLogin(server, identity_token=login.secret)
    return RegistryLogin(server, login.username, login.secret)
