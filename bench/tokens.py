"""The token endpoint of the synthetic registry (distribution's token specification)."""

import base64
import hashlib
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import orjson

from bench.registry_options import ExcessScopes


class ScopeRefused(Exception):
    """The token server refuses the number or the kind of the scopes."""


@dataclass(frozen=True, slots=True)
class Grant:
    repositories: frozenset[str]
    expires_at: float


class Tokens:
    def __init__(
        self,
        expires_in: int,
        max_scopes: int | None,
        excess: ExcessScopes,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._expires_in, self._max_scopes, self._excess, self._now = expires_in, max_scopes, excess, now
        self._grants: dict[str, Grant] = {}
        self._issued = 0

    def issue(self, scopes: Iterable[str]) -> bytes:
        """Issues a token. Returns the JSON answer. Raises ScopeRefused."""
        names = self._affordable([_repository(scope) for text in scopes for scope in text.split()])
        issued_at = self._now()
        token = self._encode(names, issued_at)
        self._grants[token] = Grant(frozenset(names), issued_at + self._expires_in)
        moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(issued_at))
        return orjson.dumps(
            {
                "token": token,
                "access_token": token,
                "expires_in": self._expires_in,
                "issued_at": moment,
            }
        )

    def fault(self, token: str, repository: str | None) -> str | None:
        """Why this token is not valid for this repository, as an error code of RFC 6750. None if it is."""
        grant = self._grants.get(token)
        if grant is None or self._now() >= grant.expires_at:
            return "invalid_token"
        if repository is not None and repository not in grant.repositories:
            return "insufficient_scope"
        return None

    def expire_all(self) -> None:
        self._grants.clear()

    def _affordable(self, names: list[str]) -> list[str]:
        if self._max_scopes is None or len(names) <= self._max_scopes:
            return names
        if self._excess is ExcessScopes.REFUSE:
            raise ScopeRefused(f"at most {self._max_scopes} scopes for one token")
        return names[: self._max_scopes]

    def _encode(self, names: list[str], issued_at: float) -> str:
        """Encodes a token. Clients cannot read it, and like a signed token it grows with its scopes."""
        self._issued += 1
        claims = orjson.dumps({"access": names, "iat": issued_at, "jti": self._issued})
        seal = hashlib.sha256(claims).digest()
        return f"{base64.urlsafe_b64encode(claims).decode()}.{base64.urlsafe_b64encode(seal).decode()}"


def _repository(scope: str) -> str:
    """The name in `repository:<name>:pull`. Raises ScopeRefused for any other scope."""
    kind, _, rest = scope.partition(":")
    name, _, actions = rest.rpartition(":")
    if kind != "repository" or not name or actions != "pull":
        raise ScopeRefused("only repository:<name>:pull is granted")
    return name
