"""Who may call a route. Every route declares it, and the guard checks it before the route runs."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum

from dockrev.web.headers import RawHeaders
from dockrev.web.identity import Principal


class Access(Enum):
    IDENTITY = "identity"
    """Only callers with an identity that the forward-auth configuration allows."""
    PUBLIC = "public"
    """Everybody. The route still learns the identity of an allowed caller."""


@dataclass(frozen=True, slots=True)
class SharedSecret:
    """Only a program that sends a shared secret in `header`. `verify` raises an AppError to refuse it."""

    header: str
    verify: Callable[[str | None], Awaitable[Principal]]


@dataclass(frozen=True, slots=True)
class Signature:
    """Only a program that signs the raw body and sends the signature in `header`.

    `verify` raises an AppError to refuse it.
    """

    header: str
    verify: Callable[[RawHeaders, bytes], Awaitable[Principal]]


RouteAccess = Access | SharedSecret | Signature
