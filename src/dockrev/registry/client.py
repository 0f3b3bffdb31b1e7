"""The registry client: digests, manifests, platforms and tags, for as few requests as they can be had."""

import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Self, TypeVar

import structlog

from dockrev.clock import Clock
from dockrev.config import RegistryConfig
from dockrev.errors import ConfigError, InvalidArgument, RegistryError
from dockrev.oci.digest import Digest
from dockrev.oci.manifest import ImageManifest, Index, parse_config_platform, parse_manifest
from dockrev.oci.platform import Platform
from dockrev.oci.ref import ImageRef
from dockrev.registry.answers import (
    REDIRECTS,
    bad,
    digest_header,
    digest_of_manifest,
    location,
    parsed,
    proved_body,
    raise_for_status,
)
from dockrev.registry.budget import RegistryBudget
from dockrev.registry.bulk.directory import BulkDirectory
from dockrev.registry.bulk.models import Bulk
from dockrev.registry.credential_helper import HELPER_SECONDS
from dockrev.registry.credentials import CredentialStore
from dockrev.registry.endpoints import Endpoint, endpoints_for, redirect_target, same_origin, target_of
from dockrev.registry.host import Host
from dockrev.registry.limits import HostLimits, budgets
from dockrev.registry.questions import Question, config_get, manifest_get, manifest_head
from dockrev.registry.spending import Spending
from dockrev.registry.tag_pages import collect_tags
from dockrev.registry.transport import Answer, RequestKind, Timeouts, Transport, connect, tls_context

log = structlog.get_logger()

_MAX_REDIRECTS = 5

Wanted = TypeVar("Wanted")


class RegistryClient:
    """Asks registries. Every failure is a RegistryError; its message says host, question and remedy.

    One client serves many jobs at once: what it learns of a host (challenge, tokens, limits, refused
    logins) holds for all of them.
    """

    def __init__(
        self, config: RegistryConfig, clock: Clock, transport: Transport, credentials: CredentialStore
    ) -> None:
        self._config = config
        self._clock = clock
        self._transport = transport
        self._credentials = credentials
        self._hosts: dict[Endpoint, Host] = {}
        self.spent = Spending()
        self._other_limits: dict[str, HostLimits] = {}
        self._endpoints: dict[str, tuple[Endpoint, ...]] = {}
        self._bulks = BulkDirectory(
            config, clock, transport, credentials, self._origin, self._answer, self._limits_of
        )

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        config: RegistryConfig,
        clock: Clock,
        *,
        timeouts: Timeouts = Timeouts(),  # noqa: B008 -- frozen
        helper_seconds: float = HELPER_SECONDS,
    ) -> AsyncIterator[Self]:
        """Raises ConfigError when the CA file holds no certificates."""
        try:
            tls = tls_context(str(config.ca_file) if config.ca_file else None)
        except (ssl.SSLError, OSError) as error:
            raise ConfigError([f"DOCKREV_REGISTRY_CA_FILE: no certificates in {config.ca_file}"]) from error
        credentials = CredentialStore(config.credentials_file, clock, helper_seconds)
        async with connect(tls, timeouts) as session:
            yield cls(config, clock, Transport(session, timeouts), credentials)

    @property
    def requests_made(self) -> Mapping[RequestKind, int]:
        """How many HTTP requests were sent since the client was opened."""
        return self._transport.requests_made

    async def prepare(self, refs: Iterable[ImageRef]) -> None:
        """Announces what will be asked, so that one token can serve many repositories. Sends nothing."""
        paths: dict[str, dict[str, None]] = {}
        for ref in refs:
            paths.setdefault(ref.registry, {})[ref.path] = None
        for registry, announced in paths.items():
            for endpoint in self._endpoints_for(registry):
                self._host(endpoint).announce(announced)

    async def head(self, ref: ImageRef) -> Digest:
        """The digest that the tag of `ref` names now; without a tag, its digest if it is still there."""
        reference = ref.tag or str(ref.digest)

        async def ask(host: Host) -> Digest:
            answer = await self._good_answer(host, manifest_head(ref, reference))
            digest = digest_header(answer)
            if digest is None:
                question = manifest_get(ref, reference)
                answer = await self._good_answer(host, question)
                digest = digest_of_manifest(answer, host.endpoint.host, question)
            if ref.tag is None and digest != ref.digest:
                raise bad(host.endpoint.host, "answered with another digest", f"the digest of {ref}")
            return digest

        return await self._first_answer(ref, ask)

    async def manifest(self, ref: ImageRef) -> Index | ImageManifest:
        """The manifest at `ref.digest`, which must be set; its bytes are proved against it."""
        if ref.digest is None:
            raise InvalidArgument(f"{ref} names no digest")
        return await self._content(ref, ref.digest, manifest_get(ref, ref.digest), parse_manifest)

    async def config_platform(self, ref: ImageRef, config: Digest) -> Platform:
        """The platform that the image config `config` in the repository of `ref` declares."""
        return await self._content(ref, config, config_get(ref, config), parse_config_platform)

    async def tags(self, ref: ImageRef) -> list[str]:
        """All tags of the repository as its registry orders them, each once."""

        async def ask(host: Host) -> list[str]:
            return await collect_tags(ref, host.endpoint, lambda question: self._answer(host, question))

        return await self._first_answer(ref, ask)

    def cool_down(self, ref: ImageRef) -> datetime | None:
        """Until when the registry of `ref`, its mirrors included, must not be asked."""
        untils = [self._host(endpoint).cool_down() for endpoint in self._endpoints_for(ref.registry)]
        waits = [until for until in untils if until]
        return min(waits) if len(waits) == len(untils) else None

    def bulk(self, ref: ImageRef) -> Bulk | None:
        """What lists the tags of the repository with their digests. Sends nothing.

        None: its registry has no such API, or it failed and is not to be tried yet.
        """
        return self._bulks.find(ref)

    def budgets(self) -> list[RegistryBudget]:
        """Each host that was asked in the last 24 hours or named a limit, by name."""
        limits = [*(host.limits for host in self._hosts.values()), *self._other_limits.values()]
        return budgets(limits, self.spent.last_24h(self._clock.now()))

    def spare(self, ref: ImageRef) -> bool:
        """Whether work that nobody waits for may ask the registry of `ref`, its mirrors included, now."""
        return all(self._host(endpoint).limits.spare for endpoint in self._endpoints_for(ref.registry))

    async def _first_answer(self, ref: ImageRef, ask: Callable[[Host], Awaitable[Wanted]]) -> Wanted:
        """Mirrors in order, then the registry itself, whose error is the one that counts."""
        *mirrors, origin = self._endpoints_for(ref.registry)
        for mirror in mirrors:
            try:
                return await ask(self._host(mirror))
            except RegistryError as error:
                log.debug(
                    f"The mirror {mirror.host} did not help with {ref}: {error.message}",
                    action="registry.mirror_failed",
                    reason=error.reason.value,
                )
        return await ask(self._host(origin))

    async def _content(
        self, ref: ImageRef, digest: Digest, question: Question, parse: Callable[[bytes], Wanted]
    ) -> Wanted:
        async def ask(host: Host) -> Wanted:
            answer = await self._good_answer(host, question)
            body = proved_body(answer, digest, host.endpoint.host, question)
            return parsed(parse, body, host.endpoint.host, question)

        return await self._first_answer(ref, ask)

    async def _good_answer(self, host: Host, question: Question) -> Answer:
        answer = await self._answer(host, question)
        raise_for_status(answer, host.endpoint.host, question.what)
        return answer

    async def _answer(self, host: Host, question: Question) -> Answer:
        """The answer at the end of all redirects, good or not."""
        for _ in range(_MAX_REDIRECTS + 1):
            answer = await host.ask(question)
            if answer.status not in REDIRECTS:
                return answer
            host, question = self._redirected(host, question, answer)
        raise bad(host.endpoint.host, "redirects without end", question.what)

    def _redirected(self, host: Host, question: Question, answer: Answer) -> tuple[Host, Question]:
        """Another server is asked without credentials, whatever it demands (a blob store, a registry)."""
        here = host.endpoint
        url = location(answer, here.host, question.what)
        if same_origin(url, here.base) and url.startswith(f"{here.base}/"):
            return host, question.at(url.removeprefix(here.base))
        there = redirect_target(url)
        if here.secure and not there.secure:
            raise bad(here.host, "redirects from https to http, which is not followed,", question.what)
        return self._host(there), question.at(target_of(url))

    def _endpoints_for(self, registry: str) -> tuple[Endpoint, ...]:
        if registry not in self._endpoints:
            self._endpoints[registry] = endpoints_for(registry, self._config)
        return self._endpoints[registry]

    def _origin(self, registry: str) -> Host:
        return self._host(self._endpoints_for(registry)[-1])

    def _host(self, endpoint: Endpoint) -> Host:
        if endpoint not in self._hosts:
            limits = HostLimits(endpoint.host, self._config, self._clock, self.spent)
            self._hosts[endpoint] = Host(
                endpoint, self._transport, limits, self._limits_of, self._credentials, self._clock
            )
        return self._hosts[endpoint]

    def _limits_of(self, host: str) -> HostLimits:
        """Of a token server or an API. Apart from a registry's, which hold a place while it gets a token."""
        if host not in self._other_limits:
            self._other_limits[host] = HostLimits(host, self._config, self._clock, self.spent)
        return self._other_limits[host]
