"""One endpoint in conversation: introduction, login, limits."""

import asyncio
from collections.abc import Callable, Iterable
from datetime import datetime

from dockrev.clock import Clock
from dockrev.registry.auth import EndpointAuth
from dockrev.registry.challenge import Challenge
from dockrev.registry.credentials import CredentialStore
from dockrev.registry.endpoints import Endpoint
from dockrev.registry.limits import HostLimits
from dockrev.registry.questions import Question
from dockrev.registry.transport import Answer, Transport, WireRequest


class Host:
    """Asks one endpoint. Redirects and statuses other than 401, 429 and a first 5xx are the caller's."""

    def __init__(
        self,
        endpoint: Endpoint,
        transport: Transport,
        limits: HostLimits,
        limits_of: Callable[[str], HostLimits],
        credentials: CredentialStore,
        clock: Clock,
    ) -> None:
        self.endpoint = endpoint
        self._transport = transport
        self.limits = limits
        self._token_limits_of = limits_of
        self._auth = EndpointAuth(endpoint, credentials, self._fetch_token, clock)
        self._introduction = asyncio.Lock()
        self._introduced = False

    def announce(self, paths: Iterable[str]) -> None:
        self._auth.announce(paths)

    @property
    def challenge(self) -> Challenge | None:
        """As the host named it, None until it was asked."""
        return self._auth.challenge

    def learn(self, answer: Answer) -> None:
        """From a 401 to a question that was asked past this host. Raises RegistryError as `ask` would."""
        self._auth.learn(answer)

    async def authorization(self, path: str) -> str | None:
        """What a question about the repository `path` carries; None while nothing is known to be needed."""
        return await self._auth.authorization(path)

    def cool_down(self) -> datetime | None:
        token_host = self._auth.token_host
        limits = [self.limits, *([self._token_limits_of(token_host)] if token_host else [])]
        return max((until for each in limits if (until := each.cool_down())), default=None)

    async def ask(self, question: Question) -> Answer:
        """Raises RegistryError when there is no answer, or only refusals."""
        first = await self._introduce(question)
        answer, used = first or await self._send(question)
        return await self._admitted(question, answer, used)

    async def _introduce(self, question: Question) -> tuple[Answer, str | None] | None:
        """The first question to a host is sent alone, so that only one runs into its challenge.

        None: the host is known by now and `question` was not sent.
        """
        if self._known:
            return None
        async with self._introduction:
            if self._known:
                return None
            answer, used = await self._send(question)
            self._introduced = True
            if answer.status == 401:
                self._auth.learn(answer)
            if self._auth.sends_logins:
                answer = await self._admitted(question, answer, used)
            return answer, used

    @property
    def _known(self) -> bool:
        return self._introduced and not self.limits.doubtful

    async def _admitted(self, question: Question, answer: Answer, used: str | None) -> Answer:
        if answer.status != 401:
            return answer
        header = await self._auth.renewed(answer, question.path, used)
        again, _ = await self._send(question, header)
        await self._auth.settle(question.path, used, answer, again)
        return again

    async def _send(self, question: Question, header: str | None = None) -> tuple[Answer, str | None]:
        """The answer, and the Authorization it was given to (`header`, or whatever is right then)."""
        # Before the gate, so that the tokens of all who wait there are fetched at once; and behind it once
        # more, because waiting may take longer than a token lives.
        used = header or await self._auth.authorization(question.path)

        async def attempt() -> Answer:
            nonlocal used
            used = header or await self._auth.authorization(question.path)
            return await self._transport.send(self._wire(question, used))

        return await self.limits.send(attempt, question.what, counted=question.counted), used

    def _wire(self, question: Question, authorization: str | None) -> WireRequest:
        headers = question.headers
        if authorization:
            headers = {**headers, "Authorization": authorization}
        url = f"{self.endpoint.base}{question.target}"
        return WireRequest(question.kind, question.method, url, headers, question.body_limit)

    async def _fetch_token(self, request: WireRequest, what: str) -> Answer:
        token_host = self._auth.token_host or self.endpoint.host
        return await self._token_limits_of(token_host).send(lambda: self._transport.send(request), what)
