"""Bearer tokens of one token server for one login: asked for once, for many repositories at a time."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import quote, urlencode

import orjson

from dockrev.clock import Clock
from dockrev.errors import Json, RegistryError, RegistryErrorCode
from dockrev.registry.challenge import Bearer
from dockrev.registry.credentials import Credential
from dockrev.registry.transport import Answer, RequestKind, WireRequest

MAX_SCOPES = 20
MAX_URL_BYTES = 4096

_MERGE_REFUSED = {400, 401, 403, 414, 431}
_DENIAL_LASTS = timedelta(minutes=10)
_DEFAULT_LIFE = timedelta(seconds=60)
_MARGIN = timedelta(seconds=10)
_TOKEN_BYTES = 256 * 1024

Fetch = Callable[[WireRequest, str], Awaitable[Answer]]


class LoginRefused(Exception):
    """The token server does not know this login: another try could get the address banned."""


@dataclass(frozen=True, slots=True)
class Token:
    value: str = field(repr=False)
    expires: datetime


@dataclass(slots=True, eq=False)
class _Batch:
    """Repositories that share a token."""

    paths: tuple[str, ...]
    token: Token | None = None
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class Tokens:
    """`announced` holds repositories that will be asked for; they join the next token that is fetched."""

    def __init__(
        self,
        bearer: Bearer,
        credential: Credential | None,
        announced: dict[str, None],
        fetch: Fetch,
        clock: Clock,
    ) -> None:
        self._bearer = bearer
        self._credential = credential
        self._announced = announced
        self._fetch = fetch
        self._clock = clock
        self._batches: dict[str, _Batch] = {}
        self._denied: dict[str, datetime] = {}
        self._merging = True
        self._login_accepted = credential is None
        self._login_refused = False
        self._login_lock = asyncio.Lock()

    def belongs_to(self, bearer: Bearer, credential: Credential | None) -> bool:
        return (bearer, credential) == (self._bearer, self._credential)

    async def token(self, path: str) -> str:
        """A token that lets `path` be pulled. Raises RegistryError, or LoginRefused."""
        while True:
            batch = self._batch_of(path)
            async with batch.lock:
                self._raise_if_denied(path)
                if self._batches.get(path) is not batch:
                    continue
                token = batch.token if self._lasts(batch) else await self._fill(batch)
                if token:
                    return token.value

    async def instead_of(self, refused: str, path: str, *, alone: bool) -> str:
        """Another token than the one the registry refused.

        `alone`: for this repository only, because the refused one was lacking and not just too old.
        """
        batch = self._batches.get(path)
        if batch and batch.token and batch.token.value == refused:
            if alone:
                self._batches[path] = _Batch((path,))
            else:
                batch.token = None
        return await self.token(path)

    def stop_merging(self) -> None:
        """The server grants less than it was asked for: from now on one repository a token."""
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

    async def _fill(self, batch: _Batch) -> Token | None:
        """None: the server wants fewer scopes; the batch is dissolved."""
        if self._login_accepted:
            return await self._request(batch)
        # One login at a time until the first is accepted: servers ban addresses for refused ones.
        async with self._login_lock:
            if self._login_refused:
                raise LoginRefused
            dissolved = self._batches.get(batch.paths[0]) is not batch
            return None if dissolved else await self._request(batch)

    async def _request(self, batch: _Batch) -> Token | None:
        asked_at = self._clock.now()
        what = f"a token for {batch.paths[0]}"
        answer = await self._fetch(token_request(self._bearer, self._credential, batch.paths), what)
        if answer.status == 200:
            batch.token = self._granted(answer, asked_at)
            self._login_accepted = True
            return batch.token
        if len(batch.paths) > 1 and answer.status in _MERGE_REFUSED:
            self.stop_merging()
            return None
        raise self._refusal(answer, batch.paths[0])

    def _granted(self, answer: Answer, asked_at: datetime) -> Token:
        token = parse_token(answer.body, asked_at)
        if token is None:
            raise RegistryError(
                RegistryErrorCode.BAD_ANSWER,
                f"The token server {self._bearer.host} answered without a token; check that it is one",
            )
        return token

    def _refusal(self, answer: Answer, path: str) -> Exception:
        if answer.status == 401 and self._credential:
            self._login_refused = True
            return LoginRefused()
        if answer.status in {401, 403}:
            return self.deny(path)
        reason = RegistryErrorCode.SERVER_ERROR if answer.status >= 500 else RegistryErrorCode.BAD_ANSWER
        return RegistryError(
            reason,
            f"The token server {self._bearer.host} answered HTTP {answer.status} "
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


def token_request(bearer: Bearer, credential: Credential | None, paths: Sequence[str]) -> WireRequest:
    """A GET, with the login if there is one; an identity token needs the OAuth2 form of the request."""
    if credential and credential.identity:
        form = {
            "grant_type": "refresh_token",
            "service": bearer.service or "",
            "scope": " ".join(map(_scope, paths)),
            "client_id": "dockrev",
            "refresh_token": credential.secret,
        }
        return WireRequest(RequestKind.TOKEN, "POST", bearer.realm, {}, _TOKEN_BYTES, form)
    headers = {"Authorization": credential.basic} if credential else {}
    return WireRequest(RequestKind.TOKEN, "GET", token_url(bearer, paths), headers, _TOKEN_BYTES)


def token_url(bearer: Bearer, paths: Sequence[str]) -> str:
    service = [urlencode({"service": bearer.service})] if bearer.service else []
    query = "&".join([*service, *map(_scope_parameter, paths)])
    return f"{bearer.realm}{'&' if '?' in bearer.realm else '?'}{query}"


def parse_token(body: bytes, asked_at: datetime) -> Token | None:
    """None when there is no token in it. A life of under 20 s is used for half of it."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
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
