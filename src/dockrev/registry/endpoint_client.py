"""Asks one endpoint: logs in as it wants, and follows where it redirects to."""

import asyncio
from collections.abc import Iterable
from functools import partial
from typing import TypeVar

from dockrev.clock import Clock
from dockrev.config.server import RegistryConfig
from dockrev.http.client import HttpClient, RequestOutdated
from dockrev.http.messages import HttpRequest, HttpResponse, same_origin
from dockrev.registry.auth import EndpointAuth
from dockrev.registry.challenge import Challenge
from dockrev.registry.credentials import Credential, CredentialStore
from dockrev.registry.endpoints import Endpoint, endpoints_for, redirect_target, target_of
from dockrev.registry.flow import FetchToken, FindCredential, Flow, SendRequest
from dockrev.registry.requests import RegistryRequest
from dockrev.registry.responses import RegistryResponse, registry_errors

_MAX_REDIRECTS = 5

Result = TypeVar("Result")


class EndpointClient:
    """One object for each endpoint, so that what it taught (challenge, tokens) holds for all requests."""

    def __init__(
        self,
        endpoint: Endpoint,
        others: "EndpointClients",
        http: HttpClient,
        credentials: CredentialStore,
        clock: Clock,
    ) -> None:
        self.endpoint = endpoint
        self._others = others
        self._http = http
        self._credentials = credentials
        self._auth = EndpointAuth(endpoint, clock)

    @property
    def challenge(self) -> Challenge | None:
        """As the endpoint named it; None until a request was refused."""
        return self._auth.challenge

    @property
    def has_spare_quota(self) -> bool:
        """Whether background work may ask the endpoint now."""
        return self._http.limits.of(self.endpoint.host).has_spare_quota

    def announce(self, paths: Iterable[str]) -> None:
        """Says which repositories will be asked for, so that they can share tokens. Sends nothing."""
        self._auth.announce(paths)

    def learn(self, response: RegistryResponse) -> None:
        """Takes the challenge out of a 401 that an API on the same server answered. Raises RegistryError."""
        self._auth.learn(response.http)

    async def authorization(self, path: str) -> str | None:
        """The header for a request about `path`; None while no login is known to be needed."""
        return await self._run(self._auth.authorization(path), None)

    async def fetch(self, request: RegistryRequest) -> RegistryResponse:
        """The response at the end of all redirects, whatever its status.

        Raises RegistryError when there is no response, or none but refusals.
        """
        client, asked = self, request
        for _ in range(_MAX_REDIRECTS + 1):
            http = await client._run(client._auth.request(asked.path), asked)
            response = RegistryResponse(http, client.endpoint.host, asked)
            if not response.is_redirect:
                return RegistryResponse(http, self.endpoint.host, request)
            client, asked = client._redirected(response)
        raise response.bad("redirects without end")

    async def _run(self, flow: Flow[Result], request: RegistryRequest | None) -> Result:
        """Carries out the steps of `flow`, which sends `request`."""
        done: object = None
        try:
            while True:
                match flow.send(done):
                    case SendRequest() as step if request:
                        done = await self._send(request, step)
                    case FetchToken() as step:
                        with registry_errors(step.what):
                            done = await self._http.send(step.request)
                    case FindCredential():
                        done = await self._credential()
                    case asyncio.Lock() as lock:
                        done = await lock.acquire()
        except StopIteration as end:
            result: Result = end.value
            return result
        finally:
            flow.close()

    async def _send(self, request: RegistryRequest, step: SendRequest) -> HttpResponse | None:
        """None when the header expired while the request waited for its turn."""
        header = step.authorization
        wire = HttpRequest(
            request.method,
            f"{self.endpoint.base}{request.target}",
            {**request.headers, **({"Authorization": header} if header else {})},
            max_body_bytes=request.max_body_bytes,
            host_name=self.endpoint.host,
            metered=request.counts_as_pull,
        )
        with registry_errors(request.what):
            if step.renewed:
                return await self._http.send(wire)
            try:
                return await self._http.send(wire, partial(self._auth.is_valid, header, request.path))
            except RequestOutdated:
                return None

    async def _credential(self) -> Credential | None:
        if self.endpoint.anonymous:
            return None
        return self.endpoint.credential or await self._credentials.find(self.endpoint.host)

    def _redirected(self, response: RegistryResponse) -> "tuple[EndpointClient, RegistryRequest]":
        """Another server (a blob store, a registry) is asked without credentials, whatever it demands."""
        here, request, url = self.endpoint, response.request, response.redirect_url()
        if same_origin(url, here.base) and url.startswith(f"{here.base}/"):
            return self, request.at(url.removeprefix(here.base))
        there = redirect_target(url)
        if here.secure and not there.secure:
            raise response.bad("redirects from https to http, which is not followed,")
        return self._others.at(there), request.at(target_of(url))


class EndpointClients:
    """The client of each endpoint: mirrors, registries, and servers that redirects led to."""

    def __init__(
        self, config: RegistryConfig, http: HttpClient, credentials: CredentialStore, clock: Clock
    ) -> None:
        self._config = config
        self._http = http
        self._credentials = credentials
        self._clock = clock
        self._clients: dict[Endpoint, EndpointClient] = {}
        self._of_registry: dict[str, tuple[EndpointClient, ...]] = {}

    def of(self, registry: str) -> tuple[EndpointClient, ...]:
        """The mirrors of the registry in their order, then the registry itself."""
        if registry not in self._of_registry:
            endpoints = endpoints_for(registry, self._config)
            self._of_registry[registry] = tuple(self.at(endpoint) for endpoint in endpoints)
        return self._of_registry[registry]

    def at(self, endpoint: Endpoint) -> EndpointClient:
        if endpoint not in self._clients:
            self._clients[endpoint] = EndpointClient(
                endpoint, self, self._http, self._credentials, self._clock
            )
        return self._clients[endpoint]
