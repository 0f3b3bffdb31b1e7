"""Bearer tokens of one token server for one login. One token serves many repositories."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import quote, urlencode

from dockrev.clock import Clock
from dockrev.errors import InvalidArgument, Json, RegistryError, RegistryErrorCode
from dockrev.http.messages import HttpRequest, HttpResponse
from dockrev.registry.challenge import Bearer
from dockrev.registry.credentials import Credential
from dockrev.registry.flow import FetchToken, Flow
from dockrev.registry.responses import parse_json

MAX_SCOPES = 20
MAX_URL_BYTES = 4096

_MERGE_REFUSED = {400, 401, 403, 414, 431}
_DENIAL_LASTS = timedelta(minutes=10)
_DEFAULT_LIFE = timedelta(seconds=60)
_MARGIN = timedelta(seconds=10)
_TOKEN_BYTES = 256 * 1024


class LoginRefused(Exception):
    """The token server does not accept this login. Another try could get the address banned."""


@dataclass(frozen=True, slots=True)
class Token:
    value: str = field(repr=False)
    expires: datetime


@dataclass(slots=True, eq=False)
class _Batch:
    """Repositories that share a token. Whoever holds `lock` fetches it."""

    paths: tuple[str, ...]
    token: Token | None = None
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class Tokens:
    """`announced` holds repositories that will be asked for. They join the next token that is fetched."""

    def __init__(
        self, bearer: Bearer, credential: Credential | None, announced: dict[str, None], clock: Clock
    ) -> None:
        self._bearer = bearer
        self._credential = credential
        self._announced = announced
        self._clock = clock
        self._batches: dict[str, _Batch] = {}
        self._denied: dict[str, datetime] = {}
        self._merging = True
        self._login_accepted = credential is None
        self._login_refused = False
        self._login_lock = asyncio.Lock()

    def belongs_to(self, bearer: Bearer, credential: Credential | None) -> bool:
        return (bearer, credential) == (self._bearer, self._credential)

    def is_valid(self, token: str, path: str) -> bool:
        """Whether `token` still lets `path` be pulled, as far as this client knows."""
        batch = self._batches.get(path)
        return bool(batch and batch.token and batch.token.value == token and self._lasts(batch))

    def token(self, path: str) -> Flow[str]:
        """A token that lets `path` be pulled. Raises RegistryError or LoginRefused."""
        while True:
            batch = self._batch_of(path)
            yield batch.lock
            try:
                self._raise_if_denied(path)
                if self._batches.get(path) is not batch:
                    continue
                token = batch.token if self._lasts(batch) else (yield from self._fill(batch))
            finally:
                batch.lock.release()
            if token:
                return token.value

    def replacement(self, refused: str, path: str, *, alone: bool) -> Flow[str]:
        """Another token than the one that the registry refused.

        `alone`: a token for this repository only, because the refused one did not cover it.
        """
        batch = self._batches.get(path)
        if batch and batch.token and batch.token.value == refused:
            if alone:
                self._batches[path] = _Batch((path,))
            else:
                batch.token = None
        return self.token(path)

    def stop_merging(self) -> None:
        """From now on each repository gets its own token: the server grants less than it was asked for."""
        self._merging = False
        for path, batch in list(self._batches.items()):
            if len(batch.paths) > 1:
                del self._batches[path]

    def deny(self, path: str) -> RegistryError:
        self._denied[path] = self._clock.now() + _DENIAL_LASTS
        return self._denial(path)

    def _batch_of(self, path: str) -> _Batch:
        batch = self._batches.get(path)
        if batch and (path not in self._announced or batch.lock.locked() or self._lasts(batch)):
            return batch
        batch = _Batch(self._gathered(path))
        for member in batch.paths:
            self._announced.pop(member, None)
            self._batches[member] = batch
        return batch

    def _gathered(self, path: str) -> tuple[str, ...]:
        """`path`, and announced repositories as far as one request has room for them."""
        paths = [path]
        if not self._merging:
            return (path,)
        room = MAX_URL_BYTES - len(token_url(self._bearer, paths))
        for other in list(self._announced):
            batch = self._batches.get(other)
            if other == path or (batch and (batch.lock.locked() or self._lasts(batch))):
                continue
            room -= len(f"&{_scope_parameter(other)}")
            if len(paths) == MAX_SCOPES or room < 0:
                break
            paths.append(other)
        return tuple(paths)

    def _fill(self, batch: _Batch) -> Flow[Token | None]:
        """None: the server refused several scopes in one token, so the batch no longer exists."""
        if self._login_accepted:
            return (yield from self._fetch(batch))
        # Until the server accepts the login, one request carries it at a time: servers ban addresses that
        # send refused logins.
        yield self._login_lock
        try:
            if self._login_refused:
                raise LoginRefused
            dissolved = self._batches.get(batch.paths[0]) is not batch
            return None if dissolved else (yield from self._fetch(batch))
        finally:
            self._login_lock.release()

    def _fetch(self, batch: _Batch) -> Flow[Token | None]:
        asked_at = self._clock.now()
        request = token_request(self._bearer, self._credential, batch.paths)
        response: HttpResponse = yield FetchToken(request, f"a token for {batch.paths[0]}")
        if response.status == 200:
            batch.token = self._granted(response, asked_at)
            self._login_accepted = True
            return batch.token
        if len(batch.paths) > 1 and response.status in _MERGE_REFUSED:
            self.stop_merging()
            return None
        raise self._refusal(response, batch.paths[0])

    def _granted(self, response: HttpResponse, asked_at: datetime) -> Token:
        token = parse_token(response.body, asked_at)
        if token is None:
            raise RegistryError(
                RegistryErrorCode.BAD_ANSWER,
                f"The token server {self._bearer.host} answered without a token; check that it is one",
            )
        return token

    def _refusal(self, response: HttpResponse, path: str) -> Exception:
        if response.status == 401 and self._credential:
            self._login_refused = True
            return LoginRefused()
        if response.status in {401, 403}:
            return self.deny(path)
        reason = RegistryErrorCode.SERVER_ERROR if response.status >= 500 else RegistryErrorCode.BAD_ANSWER
        return RegistryError(
            reason,
            f"The token server {self._bearer.host} answered HTTP {response.status} "
            f"when asked for a token for {path}; check that server, or try again later",
        )

    def _lasts(self, batch: _Batch) -> bool:
        return batch.token is not None and self._clock.now() < batch.token.expires

    def _raise_if_denied(self, path: str) -> None:
        until = self._denied.get(path)
        if until is None:
            return
        if self._clock.now() < until:
            raise self._denial(path)
        del self._denied[path]

    def _denial(self, path: str) -> RegistryError:
        who = f"the login {self._credential.username!r}" if self._credential else "anonymous users"
        return RegistryError(
            RegistryErrorCode.UNAUTHORIZED,
            f"{self._bearer.service or self._bearer.host} does not let {who} pull {path}: "
            "it does not exist there, or needs a login that may (docker login)",
            permanent=True,
        )


def token_request(bearer: Bearer, credential: Credential | None, paths: Sequence[str]) -> HttpRequest:
    """A GET, with the login if there is one. An identity token needs the OAuth2 form of the request."""
    if credential and credential.identity:
        form = {
            "grant_type": "refresh_token",
            "service": bearer.service or "",
            "scope": " ".join(map(_scope, paths)),
            "client_id": "dockrev",
            "refresh_token": credential.secret,
        }
        return HttpRequest("POST", bearer.realm, form=form, max_body_bytes=_TOKEN_BYTES, service="tokens")
    return HttpRequest(
        "GET",
        token_url(bearer, paths),
        headers={"Authorization": credential.basic} if credential else {},
        max_body_bytes=_TOKEN_BYTES,
        service="tokens",
    )


def token_url(bearer: Bearer, paths: Sequence[str]) -> str:
    service = [urlencode({"service": bearer.service})] if bearer.service else []
    query = "&".join([*service, *map(_scope_parameter, paths)])
    return f"{bearer.realm}{'&' if '?' in bearer.realm else '?'}{query}"


def parse_token(body: bytes, asked_at: datetime) -> Token | None:
    """None when there is no token in it. A token that lives less than 20 s is used for half of its life."""
    try:
        document = parse_json(body)
    except InvalidArgument:
        return None
    if not isinstance(document, dict):
        return None
    value = document.get("token") or document.get("access_token")
    if not isinstance(value, str) or not value.isascii() or not value.isprintable():
        return None
    life = _life(document.get("expires_in"))
    return Token(value, asked_at + (life - _MARGIN if life > 2 * _MARGIN else life / 2))


def _life(expires_in: Json) -> timedelta:
    if not isinstance(expires_in, int) or not 0 < expires_in < 10**8:
        return _DEFAULT_LIFE
    return timedelta(seconds=expires_in)


def _scope(path: str) -> str:
    return f"repository:{path}:pull"


def _scope_parameter(path: str) -> str:
    return f"scope={quote(_scope(path), safe=':/')}"
