"""Reads logins from Docker's config.json: `auths`, `credHelpers` and `credsStore`."""

import asyncio
import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import orjson

from dockrev.clock import Clock
from dockrev.errors import Json, RegistryError, RegistryErrorCode
from dockrev.oci.ref import DOCKER_HUB
from dockrev.registry.credential_helper import HELPER_SECONDS, HelperAnswer, ask_helper

HUB_SERVER = "https://index.docker.io/v1/"
"""The key under which Docker itself keeps the login for Docker Hub."""

_HUB_HOSTS = {"docker.io", "index.docker.io", "registry-1.docker.io", "registry.hub.docker.com"}
_IDENTITY_USER = "<token>"
_HELPER_ANSWER_LASTS = timedelta(minutes=5)
_HELPER_FAILURE_LASTS = timedelta(seconds=30)

_Stamp = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Credential:
    """A login. `identity`: the secret is an OAuth2 refresh token and not a password."""

    username: str
    secret: str = field(repr=False)
    identity: bool = False

    @property
    def basic(self) -> str:
        """The value of an Authorization header."""
        pair = f"{self.username}:{self.secret}".encode()
        return f"Basic {base64.b64encode(pair).decode()}"


@dataclass(frozen=True, slots=True)
class _DockerConfig:
    auths: Mapping[str, Mapping[str, Json]] = field(default_factory=dict)
    helpers: Mapping[str, str] = field(default_factory=dict)
    store: str | None = None


@dataclass(slots=True)
class _HelperResult:
    """What a helper answered for one host. The answer counts until `until`."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    until: datetime | None = None
    outcome: Credential | RegistryError | None = None


class CredentialStore:
    """Reads the file again whenever it changes. A missing file means that there are no credentials."""

    def __init__(self, path: Path, clock: Clock, helper_seconds: float = HELPER_SECONDS) -> None:
        self._path = path
        self._clock = clock
        self._helper_seconds = helper_seconds
        self._stamp: _Stamp | None = None
        self._config = _DockerConfig()
        self._helper_results: dict[str, _HelperResult] = {}

    async def find(self, host: str) -> Credential | None:
        """Raises RegistryError (CREDENTIALS) when the file or a helper cannot be used."""
        self._refresh()
        if not (self._config.helpers or self._config.store or self._config.auths):
            return None
        host = normal_host(host)
        helper = self._config.helpers.get(host) or self._config.store
        from_helper = await self._from_helper(helper, host) if helper else None
        return from_helper or _from_auths(self._config.auths.get(host), host)

    def hosts(self) -> list[str]:
        """The registries with a login or a helper of their own. Raises RegistryError (CREDENTIALS)."""
        self._refresh()
        return sorted({*self._config.auths, *self._config.helpers})

    def _refresh(self) -> None:
        try:
            stat = self._path.stat()
            stamp = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
            if stamp == self._stamp:
                return
            self._config = _parsed(self._path.read_bytes())
        except FileNotFoundError:
            self._config, stamp = _DockerConfig(), None
        except OSError as error:
            raise _unusable(f"cannot be read ({error.strerror})") from error
        if stamp != self._stamp:
            self._stamp, self._helper_results = stamp, {}

    async def _from_helper(self, helper: str, host: str) -> Credential | None:
        result = self._helper_results.setdefault(host, _HelperResult())
        async with result.lock:
            if result.until is None or result.until <= self._clock.now():
                await self._run_helper(result, helper, host)
        if isinstance(result.outcome, RegistryError):
            raise RegistryError(result.outcome.reason, result.outcome.message)
        return result.outcome

    async def _run_helper(self, result: _HelperResult, helper: str, host: str) -> None:
        server = HUB_SERVER if host == DOCKER_HUB else host
        lasts = _HELPER_ANSWER_LASTS
        try:
            answer = await ask_helper(helper, server, self._helper_seconds)
        except RegistryError as error:
            # Otherwise every request of a check waits for the same hanging helper.
            result.outcome, lasts = error, _HELPER_FAILURE_LASTS
        else:
            result.outcome = _of_helper(answer) if answer else None
        result.until = self._clock.now() + lasts


def _of_helper(answer: HelperAnswer) -> Credential:
    return Credential(answer.username, answer.secret, identity=answer.username == _IDENTITY_USER)


def normal_host(key: str) -> str:
    """The keys of Docker Hub become `docker.io`. All other keys lose scheme and path."""
    host = key.partition("://")[2] or key
    host = host.partition("/")[0].lower()
    return DOCKER_HUB if host in _HUB_HOSTS else host


def _parsed(content: bytes) -> _DockerConfig:
    try:
        document = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise _unusable("is not JSON") from error
    if not isinstance(document, dict):
        raise _unusable("is not a JSON object")
    auths: dict[str, Mapping[str, Json]] = {}
    for key, entry in _mapping(document, "auths").items():
        if isinstance(entry, dict) and entry:
            auths.setdefault(normal_host(key), entry)
    helpers = {normal_host(key): str(name) for key, name in _mapping(document, "credHelpers").items()}
    store = document.get("credsStore")
    return _DockerConfig(auths, helpers, store if isinstance(store, str) and store else None)


def _mapping(document: Mapping[str, Json], name: str) -> Mapping[str, Json]:
    value = document.get(name) or {}
    if not isinstance(value, Mapping):
        raise _unusable(f"has {name} that is not an object")
    return value


def _from_auths(entry: Mapping[str, Json] | None, host: str) -> Credential | None:
    if entry is None:
        return None
    username, password = _login(entry, host)
    identity = entry.get("identitytoken")
    if isinstance(identity, str) and identity:
        return Credential(username or _IDENTITY_USER, identity, identity=True)
    return Credential(username, password) if username else None


def _login(entry: Mapping[str, Json], host: str) -> tuple[str, str]:
    pair = entry.get("auth")
    if not isinstance(pair, str) or not pair:
        return str(entry.get("username") or ""), str(entry.get("password") or "")
    try:
        decoded = base64.b64decode(pair, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        raise _unusable(f"has an entry for {host} whose auth is not base64") from error
    username, colon, password = decoded.partition(":")
    if not colon:
        raise _unusable(f"has an entry for {host} whose auth is not user:password")
    return username, password.strip("\0")


def _unusable(why: str) -> RegistryError:
    return RegistryError(
        RegistryErrorCode.CREDENTIALS,
        f"Docker's config.json {why}; fix the file, or name another one in DOCKREV_DOCKER_CONFIG",
    )
