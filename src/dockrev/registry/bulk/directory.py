"""The bulk APIs of all registries, as far as they are of use now."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from urllib.parse import urlsplit

from dockrev.clock import Clock
from dockrev.config import RegistryConfig
from dockrev.errors import RegistryError, RegistryErrorCode
from dockrev.oci.ref import ImageRef
from dockrev.registry.answers import raise_for_status
from dockrev.registry.bulk.api import Api
from dockrev.registry.bulk.choice import GHCR, QUAY, api_behind, api_of, known
from dockrev.registry.bulk.desk import Desk, Login, anonymous
from dockrev.registry.bulk.docker_hub import DockerHub
from dockrev.registry.bulk.ghcr import Ghcr
from dockrev.registry.bulk.gitlab import GitLab
from dockrev.registry.bulk.google import Google
from dockrev.registry.bulk.harbor import Harbor
from dockrev.registry.bulk.listing import Ask, Listing
from dockrev.registry.bulk.memory import Memory, NoSuchApi
from dockrev.registry.bulk.models import Bulk, TagDigest
from dockrev.registry.bulk.quay import Quay
from dockrev.registry.challenge import parse_challenge
from dockrev.registry.credentials import CredentialStore
from dockrev.registry.host import Host
from dockrev.registry.limits import HostLimits
from dockrev.registry.questions import Question, version_check
from dockrev.registry.transport import Answer, Transport


class BulkDirectory:
    """Stands on the client's parts.

    `origin`: a registry itself, past its mirrors. `answer`: asks it, and follows what it redirects to.
    `limits_of`: what is known of any other server.
    """

    def __init__(
        self,
        config: RegistryConfig,
        clock: Clock,
        transport: Transport,
        credentials: CredentialStore,
        origin: Callable[[str], Host],
        answer: Callable[[Host, Question], Awaitable[Answer]],
        limits_of: Callable[[str], HostLimits],
    ) -> None:
        self._config = config
        self._clock = clock
        self._transport = transport
        self._credentials = credentials
        self._origin = origin
        self._answer = answer
        self._limits_of = limits_of
        self._memory = Memory(clock)
        self._listings: dict[str, Listing] = {}
        self._looking: dict[str, asyncio.Lock] = {}

    def find(self, ref: ImageRef) -> Bulk | None:
        if self._memory.recall(ref):
            return None
        if ref.registry in self._listings:
            return self._listings[ref.registry]
        if known(ref.registry):
            api = api_of(ref.registry)
            return self._listing(ref.registry, api) if api else None
        challenge = self._origin(ref.registry).challenge
        if challenge is None:
            return _Unidentified(self._identified)
        api = api_behind(challenge)
        return self._listing(ref.registry, api) if api else None

    async def _identified(self, ref: ImageRef) -> Listing:
        """Asks once for each registry. Raises BulkUnavailable."""
        async with self._looking.setdefault(ref.registry, asyncio.Lock()):
            if failure := self._memory.recall(ref):
                raise failure
            if ref.registry in self._listings:
                return self._listings[ref.registry]
            try:
                return self._listing(ref.registry, await self._look(ref.registry))
            except RegistryError as error:
                raise self._memory.failed(ref, error) from error

    async def _look(self, registry: str) -> Api:
        """What `/v2/` says to somebody without a login tells who made the registry."""
        question = version_check()
        origin = self._origin(registry)
        answer = await self._desk_of(origin).ask(question)
        if answer.status >= 500:
            raise_for_status(answer, registry, question.what)
        api = api_behind(parse_challenge(answer.headers.getall("WWW-Authenticate", [])))
        if api is None:
            raise NoSuchApi(RegistryErrorCode.NOT_FOUND, f"{registry} has no bulk API.", permanent=True)
        if isinstance(api, GitLab):
            origin.learn(answer)
        return api

    def _listing(self, registry: str, api: Api) -> Listing:
        host, ask = self._way_to(registry, api)
        listing = Listing(api, ask, host, self._memory, self._clock)
        self._listings[registry] = listing
        return listing

    def _way_to(self, registry: str, api: Api) -> tuple[str, Ask]:
        """Who is asked, and how."""
        origin = self._origin(registry)
        login: Login = anonymous
        base = origin.endpoint.base
        match api:
            case DockerHub():
                base = self._config.docker_hub_api_url
            case Ghcr():
                base, login = self._config.github_api_url, self._github_token
            case Quay() if registry == QUAY:
                base = self._config.quay_api_url
            case Harbor():
                login = self._password_of(registry)
            case GitLab():
                login = self._pull_token_of(origin)
            case Google():
                return registry, lambda question: self._answer(origin, question)
        if base == origin.endpoint.base:
            return registry, self._desk_of(origin, login, lasting=not isinstance(api, GitLab)).ask
        host = urlsplit(base).netloc
        return host, Desk(base, host, self._transport, self._limits_of(host), login).ask

    def _desk_of(self, origin: Host, login: Login = anonymous, *, lasting: bool = True) -> Desk:
        base, host, limits = origin.endpoint.base, origin.endpoint.host, origin.limits
        return Desk(base, host, self._transport, limits, login, lasting=lasting, beside=True)

    async def _github_token(self, _: Question) -> str:
        credential = await self._credentials.find(GHCR)
        if credential is None or credential.identity:
            raise RegistryError(
                RegistryErrorCode.CREDENTIALS,
                f"{GHCR} needs a login with a personal access token to list what tags name.",
            )
        return f"Bearer {credential.secret}"

    def _password_of(self, registry: str) -> Login:
        async def password(_: Question) -> str | None:
            credential = await self._credentials.find(registry)
            return credential.basic if credential and not credential.identity else None

        return password

    def _pull_token_of(self, origin: Host) -> Login:
        """What the API refuses must not count as refused by `/v2/`, so only the token is shared."""

        async def pull_token(question: Question) -> str | None:
            return await origin.authorization(question.path)

        return pull_token


class _Unidentified:
    """Finds out what the registry is when it is first needed."""

    newest_first = False

    def __init__(self, identify: Callable[[ImageRef], Awaitable[Listing]]) -> None:
        self._identify = identify

    async def pages(self, ref: ImageRef) -> AsyncIterator[Sequence[TagDigest]]:
        listing = await self._identify(ref)
        async for page in listing.pages(ref):
            yield page
