"""What to send as Authorization to one endpoint, learnt once from its challenge."""

from collections.abc import Awaitable, Callable, Iterable
from urllib.parse import urlsplit

from dockrev.clock import Clock
from dockrev.errors import RegistryError, RegistryErrorCode
from dockrev.registry.challenge import Basic, Bearer, Challenge, parse_challenge
from dockrev.registry.credentials import Credential, CredentialStore
from dockrev.registry.endpoints import Endpoint
from dockrev.registry.tokens import LoginRefused, Tokens
from dockrev.registry.transport import Answer, WireRequest

TokenFetch = Callable[[WireRequest, str], Awaitable[Answer]]


class EndpointAuth:
    """The credentials for an endpoint go to it and to the realm it names, nowhere else."""

    def __init__(
        self, endpoint: Endpoint, credentials: CredentialStore, fetch: TokenFetch, clock: Clock
    ) -> None:
        self._endpoint = endpoint
        self._credentials = credentials
        self._fetch = fetch
        self._clock = clock
        self._challenge: Challenge | None = None
        self._announced: dict[str, None] = {}
        self._tokens: Tokens | None = None
        self._refused: Credential | None = None

    @property
    def challenge(self) -> Challenge | None:
        return self._challenge

    @property
    def token_host(self) -> str | None:
        return self._challenge.host if isinstance(self._challenge, Bearer) else None

    @property
    def sends_logins(self) -> bool:
        """Every question carries the login itself."""
        return isinstance(self._challenge, Basic)

    def announce(self, paths: Iterable[str]) -> None:
        self._announced.update(dict.fromkeys(paths))

    def learn(self, answer: Answer) -> None:
        """Takes the challenge out of a 401. Raises RegistryError when it cannot be met."""
        challenge = parse_challenge(answer.headers.getall("WWW-Authenticate", []))
        if challenge is None:
            raise self._unauthorized("refuses access and does not say how to log in")
        if isinstance(challenge, Bearer):
            self._check_realm(challenge.realm)
        self._challenge = challenge

    async def authorization(self, path: str) -> str | None:
        """The header for a question about `path`; None while nothing is known to be needed."""
        challenge = self._challenge
        if challenge is None:
            return None
        credential = await self._credential()
        if credential and credential == self._refused:
            raise self._login_refused(credential)
        if isinstance(challenge, Basic):
            if credential is None:
                raise self._unauthorized("needs a login")
            return credential.basic
        return await self._bearer(challenge, credential, lambda tokens: tokens.token(path))

    async def renewed(self, answer: Answer, path: str, used: str | None) -> str | None:
        """What to send after `answer`, a 401 to a question that carried `used`."""
        self.learn(answer)
        challenge = self._challenge
        if used is None or not (isinstance(challenge, Bearer) and used.startswith("Bearer ")):
            header = await self.authorization(path)
            if header == used:
                raise self._refuse(await self._credential())
            return header
        refused, alone = used.removeprefix("Bearer "), challenge.error != "invalid_token"
        return await self._bearer(
            challenge, await self._credential(), lambda tokens: tokens.instead_of(refused, path, alone=alone)
        )

    async def settle(self, path: str, used: str | None, before: Answer, after: Answer) -> None:
        """Learns from a question asked twice, first with `used`. Raises RegistryError if both failed."""
        bearer = isinstance(self._challenge, Bearer)
        if after.status == 401:
            raise (
                self._tokens.deny(path) if bearer and self._tokens else self._refuse(await self._credential())
            )
        challenge = parse_challenge(before.headers.getall("WWW-Authenticate", []))
        partly_granted = isinstance(challenge, Bearer) and challenge.error != "invalid_token"
        if used and partly_granted and self._tokens:
            self._tokens.stop_merging()

    async def _credential(self) -> Credential | None:
        if self._endpoint.anonymous:
            return None
        return self._endpoint.credential or await self._credentials.find(self._endpoint.host)

    async def _bearer(
        self, bearer: Bearer, credential: Credential | None, ask: Callable[[Tokens], Awaitable[str]]
    ) -> str:
        if self._tokens is None or not self._tokens.belongs_to(bearer, credential):
            self._tokens = Tokens(bearer, credential, self._announced, self._fetch, self._clock)
        try:
            return f"Bearer {await ask(self._tokens)}"
        except LoginRefused as error:
            raise self._refuse(credential) from error

    def _check_realm(self, realm: str) -> None:
        allowed = {"https"} if self._endpoint.secure else {"http", "https"}
        if not _is_plain_url(realm, allowed):
            raise RegistryError(
                RegistryErrorCode.BAD_ANSWER,
                f"{self._endpoint.host} names a token server that no login may be sent to "
                f"(not an {' or '.join(sorted(allowed))} address); fix the registry's token realm",
            )

    def _refuse(self, credential: Credential | None) -> RegistryError:
        self._refused = credential
        if credential is None:
            return self._unauthorized("refuses access")
        return self._login_refused(credential)

    def _login_refused(self, credential: Credential) -> RegistryError:
        return self._unauthorized(f"refused the login {credential.username!r}, which is not tried again")

    def _unauthorized(self, what: str) -> RegistryError:
        host = self._endpoint.host
        return RegistryError(
            RegistryErrorCode.UNAUTHORIZED, f"{host} {what}; run docker login {host}.", permanent=True
        )


def _is_plain_url(text: str, schemes: set[str]) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in schemes and bool(parts.hostname) and "@" not in parts.netloc
