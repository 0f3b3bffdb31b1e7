"""Where requests for a registry go: its mirrors in order, then the registry itself."""

from dataclasses import dataclass, field
from ipaddress import ip_address
from urllib.parse import SplitResult, unquote, urlsplit

from dockrev.config.server import RegistryConfig
from dockrev.oci.ref import DOCKER_HUB
from dockrev.registry.credentials import Credential

_HUB_BASE = "https://registry-1.docker.io"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A base URL that serves `/v2/`.

    `anonymous`: no stored login may go there, because a redirect named the server and not the operator.
    """

    base: str
    host: str
    """The usual name, also in Docker's config.json: `docker.io`, `ghcr.io`, `127.0.0.1:5000`."""
    anonymous: bool = False
    credential: Credential | None = field(default=None, repr=False)
    """From the userinfo of a mirror's URL."""

    @property
    def secure(self) -> bool:
        return self.base.startswith("https://")

    @property
    def path(self) -> str:
        """Empty, unless a mirror serves `/v2/` below some path."""
        return urlsplit(self.base).path


def endpoints_for(registry: str, config: RegistryConfig) -> tuple[Endpoint, ...]:
    mirrors = (_mirror(url) for url in config.mirrors.get(registry, ()))
    return (*mirrors, _origin(registry, config.insecure))


def redirect_target(url: str) -> Endpoint:
    """The server that a redirect to the absolute `url` leads to."""
    parts = urlsplit(url)
    return Endpoint(f"{parts.scheme}://{_host_port(parts)}", _host_port(parts), anonymous=True)


def target_of(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"


def _origin(registry: str, insecure: frozenset[str]) -> Endpoint:
    if registry == DOCKER_HUB:
        return Endpoint(_HUB_BASE, DOCKER_HUB)
    plain = registry in insecure or _is_loopback(registry)
    return Endpoint(f"{'http' if plain else 'https'}://{registry}", registry)


def _mirror(url: str) -> Endpoint:
    parts = urlsplit(url)
    login = None
    if parts.username is not None:
        login = Credential(unquote(parts.username), unquote(parts.password or ""))
    base = f"{parts.scheme}://{_host_port(parts)}{parts.path.rstrip('/')}"
    return Endpoint(base, _host_port(parts), credential=login)


def _is_loopback(registry: str) -> bool:
    name = urlsplit(f"//{registry}").hostname or ""
    if name == "localhost":
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False


def _host_port(parts: SplitResult) -> str:
    """The authority without userinfo."""
    return parts.netloc.rpartition("@")[2].lower()
