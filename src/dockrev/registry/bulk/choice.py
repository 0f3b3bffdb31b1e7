"""Which registry has which bulk API."""

from urllib.parse import urlsplit

from dockrev.oci.ref import DOCKER_HUB
from dockrev.registry.bulk.api import Api
from dockrev.registry.bulk.docker_hub import DockerHub
from dockrev.registry.bulk.ghcr import Ghcr
from dockrev.registry.bulk.gitlab import GitLab
from dockrev.registry.bulk.google import Google
from dockrev.registry.bulk.harbor import Harbor
from dockrev.registry.bulk.quay import Quay
from dockrev.registry.challenge import Bearer, Challenge

GHCR = "ghcr.io"
QUAY = "quay.io"

KNOWN: dict[str, Api | None] = {
    DOCKER_HUB: DockerHub(),
    GHCR: Ghcr(),
    "lscr.io": Ghcr(),  # redirects everything to ghcr.io
    QUAY: Quay(),
    "gcr.io": Google(),
    ".gcr.io": Google(),
    ".pkg.dev": Google(),
    "registry.k8s.io": Google(),  # redirects its tag lists to *.pkg.dev
    # Asked in vain, these would only cost requests:
    "public.ecr.aws": None,
    ".amazonaws.com": None,
    "mcr.microsoft.com": None,
    ".azurecr.io": None,
}
"""By host, or by domain with a leading dot."""

REALMS: dict[str, Api] = {"/service/token": Harbor(), "/jwt/auth": GitLab(), "/v2/auth": Quay()}
"""GitLab.com and installations of one's own, by the path of the token realm that their `/v2/` names."""


def known(registry: str) -> bool:
    """Whether the name alone tells."""
    return _name(registry) is not None


def api_of(registry: str) -> Api | None:
    name = _name(registry)
    return KNOWN[name] if name else None


def api_behind(challenge: Challenge | None) -> Api | None:
    """The API of a registry that is not known by name."""
    if not isinstance(challenge, Bearer):
        return None
    realm = urlsplit(challenge.realm)
    if realm.path == "/v2/token" and challenge.service == realm.netloc:
        return Google()  # Gitea's realm has this path too, but another service
    return REALMS.get(realm.path)


def _name(registry: str) -> str | None:
    labels = registry.split(".")
    domains = [f".{'.'.join(labels[start:])}" for start in range(1, len(labels))]
    return next((name for name in (registry, *domains) if name in KNOWN), None)
