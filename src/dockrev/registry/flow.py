"""The steps of a login flow. A flow is a generator: it yields what has to be done and does no I/O itself."""

import asyncio
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, TypeVar

from dockrev.http.messages import HttpRequest

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class SendRequest:
    """Send the registry request with this Authorization header. Send the HttpResponse back.

    `renewed`: the header answers a challenge, so it goes out as it is. Any other header may have expired
    when the turn of the request comes; then send None back instead of a response.
    """

    authorization: str | None
    renewed: bool = False


@dataclass(frozen=True, slots=True)
class FetchToken:
    """Send `request` to the token server. Send the HttpResponse back."""

    request: HttpRequest
    what: str


class FindCredential:
    """Look up the operator's login for the endpoint. Send back a Credential or None."""


AcquireLock = asyncio.Lock
"""Acquire this lock. The flow releases it."""

Flow = Generator[SendRequest | FetchToken | FindCredential | AcquireLock, Any, Result]
