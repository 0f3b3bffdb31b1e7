"""Who may call a route. Every route declares it, and the guard checks it before the route runs."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum

from dockrev.web.headers import RawHeaders
from dockrev.web.identity import Principal


class Access(Enum):
    IDENTITY = "identity"
    """Only a caller that the forward-auth rules let in."""
    PUBLIC = "public"
    """Everybody. The route still learns who the caller is, when the caller is let in."""


@dataclass(frozen=True, slots=True)
class SharedSecret:
    """A program that sends a shared secret in `header`. `verify` raises an AppError to refuse it."""

    header: str
    verify: Callable[[str | None], Awaitable[Principal]]


@dataclass(frozen=True, slots=True)
class Signature:
    """A program that signs the raw body and sends the signature in `header`.

    `verify` raises an AppError to refuse it.
    """

    header: str
    verify: Callable[[RawHeaders, bytes], Awaitable[Principal]]


RouteAccess = Access | SharedSecret | Signature
