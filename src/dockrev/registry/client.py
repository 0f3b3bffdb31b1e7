"""The registry client: digests, manifests, platforms and tags for as few requests as possible."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import TypeVar

import structlog

from dockrev.clock import Clock
from dockrev.config.server import RegistryConfig
from dockrev.errors import ConfigError, InvalidArgument, RegistryError
from dockrev.http.client import HttpClient, Timeouts, tls_context
from dockrev.http.rate_limit import HostUsage, RateLimitPolicy, RateLimits
from dockrev.oci.digest import Digest
from dockrev.oci.manifest import ImageManifest, Index, parse_config_platform, parse_manifest
from dockrev.oci.platform import Platform
from dockrev.oci.ref import ImageRef
from dockrev.registry.bulk.apis import BulkApis
from dockrev.registry.bulk.models import TagDigest
from dockrev.registry.credential_helper import HELPER_SECONDS
from dockrev.registry.credentials import CredentialStore
from dockrev.registry.endpoint_client import EndpointClient, EndpointClients
from dockrev.registry.requests import config_get, manifest_get, manifest_head
from dockrev.registry.responses import RegistryResponse
from dockrev.registry.tag_pages import collect_tags

log = structlog.get_logger()

Value = TypeVar("Value")


class RegistryClient:
    """Asks registries. Every failure is a RegistryError; its message names host, question and remedy.

    One client serves many jobs at once: what it learns of an endpoint (challenge, tokens, limits, refused
    logins) holds for all of them.
    """

    def __init__(
        self,
        config: RegistryConfig,
        clock: Clock,
        http: HttpClient,
        *,
        helper_seconds: float = HELPER_SECONDS,
    ) -> None:
        credentials = CredentialStore(config.credentials_file, clock, helper_seconds)
        self._http = http
        self._endpoints = EndpointClients(config, http, credentials, clock)
        self._bulk_apis = BulkApis(config, http, credentials, self._endpoints, clock)

    async def prepare(self, refs: Iterable[ImageRef]) -> None:
        """Announces what will be asked, so that one token can serve many repositories. Sends nothing."""
        paths: dict[str, dict[str, None]] = {}
        for ref in refs:
            paths.setdefault(ref.registry, {})[ref.path] = None
        for registry, announced in paths.items():
            for endpoint in self._endpoints.of(registry):
                endpoint.announce(announced)

    async def head(self, ref: ImageRef) -> Digest:
        """The digest that the tag of `ref` names now. Without a tag: its digest, if it is still there."""
        reference = ref.tag or str(ref.digest)

        async def read(endpoint: EndpointClient) -> Digest:
            response = (await endpoint.fetch(manifest_head(ref, reference))).raise_for_status()
            digest = response.digest or _digest_of_manifest(
                response := (await endpoint.fetch(manifest_get(ref, reference))).raise_for_status()
            )
            if ref.tag is None and digest != ref.digest:
                raise response.bad("answered with another digest")
            return digest

        return await self._first_answer(ref, read)

    async def manifest(self, ref: ImageRef) -> Index | ImageManifest:
        """The manifest at `ref.digest`, which must be set. The client verifies its bytes."""
        digest = ref.digest
        if digest is None:
            raise InvalidArgument(f"{ref} names no digest")

        async def read(endpoint: EndpointClient) -> Index | ImageManifest:
            response = (await endpoint.fetch(manifest_get(ref, digest))).raise_for_status()
            response.verify(digest)
            return response.parsed(parse_manifest)

        return await self._first_answer(ref, read)

    async def config_platform(self, ref: ImageRef, config: Digest) -> Platform:
        """The platform that the image config `config` in the repository of `ref` declares."""

        async def read(endpoint: EndpointClient) -> Platform:
            response = (await endpoint.fetch(config_get(ref, config))).raise_for_status()
            response.verify(config)
            return response.parsed(parse_config_platform)

        return await self._first_answer(ref, read)

    async def tags(self, ref: ImageRef) -> list[str]:
        """All tags of the repository in the order of its registry, each once."""
        return await self._first_answer(ref, lambda endpoint: collect_tags(ref, endpoint))

    def has_bulk_api(self, ref: ImageRef) -> bool:
        """Whether `bulk_pages` would have something to ask."""
        return self._bulk_apis.has_api(ref)

    def bulk_pages(self, ref: ImageRef) -> AsyncIterator[Sequence[TagDigest]] | None:
        """Tags with their digests, one request for each page; within a page the last pushed comes first.

        None: the registry has no such API, or it failed and has to wait. The iterator raises
        BulkUnavailable on any page. A page may be empty and not the last one. A missing tag proves nothing:
        APIs leave some out, and those without a digest are not given. Pages may lag behind the registry;
        only a HEAD proves what a tag names.
        """
        return self._bulk_apis.pages(ref) if self._bulk_apis.has_api(ref) else None

    def usage(self) -> list[HostUsage]:
        """Each host that was asked in the last 24 hours or named a limit, sorted by name."""
        return self._http.limits.usage()

    def has_spare_quota(self, ref: ImageRef) -> bool:
        """Whether background work may ask the registry of `ref` and its mirrors now."""
        return all(endpoint.has_spare_quota for endpoint in self._endpoints.of(ref.registry))

    async def _first_answer(self, ref: ImageRef, read: Callable[[EndpointClient], Awaitable[Value]]) -> Value:
        """Tries the mirrors in order, then the registry itself, whose error is the one that counts."""
        *mirrors, registry = self._endpoints.of(ref.registry)
        for mirror in mirrors:
            try:
                return await read(mirror)
            except RegistryError as error:
                log.debug(
                    f"The mirror {mirror.endpoint.host} did not help with {ref}: {error.message}",
                    action="registry.mirror_failed",
                    reason=error.reason.value,
                )
        return await read(registry)


def _digest_of_manifest(response: RegistryResponse) -> Digest:
    """Hashes the body, provided that it is a manifest and not, say, the page of a captive portal."""
    response.parsed(parse_manifest)
    return Digest.of(response.body())


@asynccontextmanager
async def open_http(
    config: RegistryConfig,
    clock: Clock,
    *,
    timeouts: Timeouts = Timeouts(),  # noqa: B008 -- frozen
) -> AsyncIterator[HttpClient]:
    """The HTTP client with the operator's authorities and retries. Raises ConfigError for the CA file."""
    try:
        tls = tls_context(config.ca_file)
    except OSError as error:  # ssl.SSLError is an OSError
        raise ConfigError([f"DOCKREV_REGISTRY_CA_FILE: no certificates in {config.ca_file}"]) from error
    policy = RateLimitPolicy(config.retry_max_attempts, config.retry_base_ms, config.retry_max_ms)
    async with HttpClient.open(RateLimits(policy, clock), tls, timeouts) as http:
        yield http
