"""Logs requests in to one endpoint. The flows do no I/O: `EndpointClient` runs their steps."""

import asyncio
from collections.abc import Callable, Iterable
from urllib.parse import urlsplit

from dockrev.clock import Clock
from dockrev.errors import RegistryError, RegistryErrorCode
from dockrev.http.messages import HttpResponse
from dockrev.registry.challenge import Basic, Bearer, Challenge, parse_challenge
from dockrev.registry.credentials import Credential
from dockrev.registry.endpoints import Endpoint
from dockrev.registry.flow import FindCredential, Flow, SendRequest
from dockrev.registry.tokens import LoginRefused, Tokens


class EndpointAuth:
    """Challenge and tokens of one endpoint. Its login goes only to it and to the realm that it names."""

    def __init__(self, endpoint: Endpoint, clock: Clock) -> None:
        self._endpoint = endpoint
        self._clock = clock
        self._announced: dict[str, None] = {}
        self._tokens: Tokens | None = None
        self._refused: Credential | None = None
        self._first_request = asyncio.Lock()
        self._answered = False
        self.challenge: Challenge | None = None
        """The challenge of the endpoint. None until it has refused a request."""

    def announce(self, paths: Iterable[str]) -> None:
        self._announced.update(dict.fromkeys(paths))

    def learn(self, response: HttpResponse) -> None:
        """Takes the challenge out of a 401. Raises RegistryError when the client cannot meet it."""
        challenge = parse_challenge(response.headers.getall("WWW-Authenticate", []))
        if challenge is None:
            raise self._unauthorized("refuses access and does not say how to log in")
        if isinstance(challenge, Bearer):
            self._check_realm(challenge.realm)
        self.challenge = challenge

    def request(self, path: str) -> Flow[HttpResponse]:
        """Sends a request about the repository `path`, and logs in if the endpoint requires it."""
        first = None if self._answered else (yield from self._introduce(path))
        response, used = first or (yield from self._send(path))
        return (yield from self._after_challenge(path, response, used))

    def authorization(self, path: str) -> Flow[str | None]:
        """The header for a request about `path`. None while the endpoint has not asked for a login."""
        challenge = self.challenge
        if challenge is None:
            return None
        credential: Credential | None = yield FindCredential()
        if credential and credential == self._refused:
            raise self._login_refused(credential)
        if isinstance(challenge, Basic):
            if credential is None:
                raise self._unauthorized("needs a login")
            return credential.basic
        return (yield from self._bearer(challenge, credential, lambda tokens: tokens.token(path)))

    def is_valid(self, authorization: str | None, path: str) -> bool:
        """Whether a request that waited for its turn may still go out with this header."""
        if authorization is None:
            return self.challenge is None
        if self._refused and authorization == self._refused.basic:
            return False
        token = authorization.removeprefix("Bearer ")
        return token == authorization or bool(self._tokens and self._tokens.is_valid(token, path))

    def _introduce(self, path: str) -> Flow[tuple[HttpResponse, str | None] | None]:
        """Sends the first request alone, so that only one of many runs into the challenge.

        None: another request went first, and this one is not sent yet.
        """
        yield self._first_request
        try:
            if self._answered:
                return None
            response, used = yield from self._send(path)
            self._answered = True
            if response.status == 401:
                self.learn(response)
            if isinstance(self.challenge, Basic):
                # Every request carries the login. This one proves it before the others send it.
                response = yield from self._after_challenge(path, response, used)
            return response, used
        finally:
            self._first_request.release()

    def _send(self, path: str) -> Flow[tuple[HttpResponse, str | None]]:
        """The response, and the Authorization header it answers."""
        while True:
            header = yield from self.authorization(path)
            response: HttpResponse | None = yield SendRequest(header)
            if response is not None:
                return response, header

    def _after_challenge(self, path: str, response: HttpResponse, used: str | None) -> Flow[HttpResponse]:
        if response.status != 401:
            return response
        header = yield from self._renewed(response, path, used)
        second: HttpResponse = yield SendRequest(header, renewed=True)
        if second.status == 401:
            if isinstance(self.challenge, Bearer) and self._tokens:
                raise self._tokens.deny(path)
            raise self._refuse((yield FindCredential()))
        challenge = parse_challenge(response.headers.getall("WWW-Authenticate", []))
        partly_granted = isinstance(challenge, Bearer) and challenge.error != "invalid_token"
        if used and partly_granted and self._tokens:
            self._tokens.stop_merging()
        return second

    def _renewed(self, response: HttpResponse, path: str, used: str | None) -> Flow[str | None]:
        """The header to send after `response`, a 401 to a request that carried `used`."""
        self.learn(response)
        challenge = self.challenge
        if used is None or not (isinstance(challenge, Bearer) and used.startswith("Bearer ")):
            header = yield from self.authorization(path)
            if header == used:
                raise self._refuse((yield FindCredential()))
            return header
        refused, alone = used.removeprefix("Bearer "), challenge.error != "invalid_token"
        credential: Credential | None = yield FindCredential()
        return (
            yield from self._bearer(
                challenge, credential, lambda tokens: tokens.replacement(refused, path, alone=alone)
            )
        )

    def _bearer(
        self, bearer: Bearer, credential: Credential | None, take: Callable[[Tokens], Flow[str]]
    ) -> Flow[str]:
        if self._tokens is None or not self._tokens.belongs_to(bearer, credential):
            self._tokens = Tokens(bearer, credential, self._announced, self._clock)
        try:
            return f"Bearer {yield from take(self._tokens)}"
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
