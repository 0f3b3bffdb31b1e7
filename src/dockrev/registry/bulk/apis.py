"""Lists all bulk APIs, and finds the one of a registry."""

import asyncio
from collections.abc import AsyncIterator, Sequence

from dockrev.clock import Clock
from dockrev.config.server import RegistryConfig
from dockrev.errors import RegistryError, RegistryErrorCode
from dockrev.http.client import HttpClient
from dockrev.oci.ref import ImageRef
from dockrev.registry.bulk.api import BulkApi, RegistryAccess
from dockrev.registry.bulk.docker_hub import DockerHub
from dockrev.registry.bulk.failures import FailureCache, NoSuchApi
from dockrev.registry.bulk.ghcr import Ghcr
from dockrev.registry.bulk.gitlab import GitLab
from dockrev.registry.bulk.google import Google
from dockrev.registry.bulk.harbor import Harbor
from dockrev.registry.bulk.listing import BulkListing
from dockrev.registry.bulk.models import TagDigest
from dockrev.registry.bulk.quay import Quay
from dockrev.registry.challenge import Bearer, Challenge, parse_challenge
from dockrev.registry.credentials import CredentialStore
from dockrev.registry.endpoint_client import EndpointClients
from dockrev.registry.requests import version_check

APIS: tuple[BulkApi, ...] = (DockerHub(), Ghcr(), Quay(), Google(), Harbor(), GitLab())

WITHOUT_API = ("public.ecr.aws", ".amazonaws.com", "mcr.microsoft.com", ".azurecr.io")
"""Hosts and domains that are not asked: their APIs answer only with a special login."""


def is_named(registry: str) -> bool:
    """Whether the name of the registry alone decides which API it has, or that it has none."""
    return api_of(registry) is not None or _is_listed(registry, WITHOUT_API)


def api_of(registry: str) -> BulkApi | None:
    """The API of a registry whose name alone decides it."""
    return next((api for api in APIS if _is_listed(registry, api.hosts)), None)


def api_behind(challenge: Challenge | None) -> BulkApi | None:
    """The API of any other registry, from its challenge."""
    if not isinstance(challenge, Bearer):
        return None
    return next((api for api in APIS if api.is_behind(challenge)), None)


def _is_listed(registry: str, hosts: Sequence[str]) -> bool:
    return any(registry.endswith(host) if host.startswith(".") else registry == host for host in hosts)


class BulkApis:
    """Finds the API of each registry. It asks a registry once when its name does not decide."""

    def __init__(
        self,
        config: RegistryConfig,
        http: HttpClient,
        credentials: CredentialStore,
        endpoints: EndpointClients,
        clock: Clock,
    ) -> None:
        self._config = config
        self._http = http
        self._credentials = credentials
        self._endpoints = endpoints
        self._failures = FailureCache(clock)
        self._listings: dict[str, BulkListing] = {}
        self._identifying: dict[str, asyncio.Lock] = {}

    def has_api(self, ref: ImageRef) -> bool:
        """Whether asking makes sense: the API exists or may exist, and did not fail lately."""
        if self._failures.find(ref):
            return False
        if ref.registry in self._listings:
            return True
        if is_named(ref.registry):
            return api_of(ref.registry) is not None
        challenge = self._access(ref.registry).endpoint.challenge
        return challenge is None or api_behind(challenge) is not None

    async def pages(self, ref: ImageRef) -> AsyncIterator[Sequence[TagDigest]]:
        """Asks for a page when the caller wants it. Raises BulkUnavailable on any page."""
        listing = await self._listing(ref)
        async for page in listing.pages(ref):
            yield page

    async def _listing(self, ref: ImageRef) -> BulkListing:
        registry = ref.registry
        async with self._identifying.setdefault(registry, asyncio.Lock()):
            if failure := self._failures.find(ref):
                raise failure
            if registry not in self._listings:
                access = self._access(registry)
                api = api_of(registry) or api_behind(access.endpoint.challenge)
                try:
                    api = api or await self._identify(access)
                except RegistryError as error:
                    raise self._failures.add(ref, error) from error
                self._listings[registry] = BulkListing(api, api.connect(access), self._failures)
        return self._listings[registry]

    async def _identify(self, access: RegistryAccess) -> BulkApi:
        """The answer of `/v2/` to an anonymous request shows which software the registry runs."""
        response = await access.own_server().fetch(version_check())
        if response.status >= 500:
            response.raise_for_status()
        challenge = parse_challenge(response.http.headers.getall("WWW-Authenticate", []))
        api = api_behind(challenge)
        if api is None:
            raise NoSuchApi(
                RegistryErrorCode.NOT_FOUND, f"{access.registry} has no bulk API.", permanent=True
            )
        access.endpoint.learn(response)
        return api

    def _access(self, registry: str) -> RegistryAccess:
        endpoint = self._endpoints.of(registry)[-1]
        return RegistryAccess(registry, endpoint, self._config, self._credentials, self._http)
