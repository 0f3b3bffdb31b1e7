"""Describes why a request got no usable response, in words that an operator can act on.

The module translates every exception that the HTTP library raises because of a server or the network.
"""

import os
import ssl
from datetime import datetime
from enum import StrEnum
from typing import Self

import aiohttp

LIBRARY_ERRORS = (aiohttp.ClientError, TimeoutError, OSError, ValueError)
"""Everything the HTTP library raises because of a server or the network."""


class FailureKind(StrEnum):
    UNREACHABLE = "unreachable"
    TIMEOUT = "timeout"
    TLS = "tls"
    NOT_HTTP = "not_http"
    RATE_LIMITED = "rate_limited"
    FORBIDDEN_ADDRESS = "forbidden_address"
    BAD_REDIRECT = "bad_redirect"


class AddressForbidden(OSError):
    """Dockrev opens no connection to this address (`outbound.py`)."""


class HttpFailure(Exception):
    """A request without a response.

    `cause` completes the sentence "<host> ...". `advice` says what the operator can do. Neither holds the
    URL, because paths and queries may hold secrets. `permanent`: another try will fail in the same way.
    `retry_at`: the server wants no requests until then.
    """

    def __init__(
        self,
        kind: FailureKind,
        host: str,
        cause: str,
        advice: str,
        *,
        permanent: bool = False,
        retry_at: datetime | None = None,
    ) -> None:
        super().__init__(f"{host} {cause}; {advice}")
        self.kind = kind
        self.host = host
        self.cause = cause
        self.advice = advice
        self.permanent = permanent
        self.retry_at = retry_at

    def again(self) -> Self:
        """The same failure for another request, without the traceback of this one."""
        return type(self)(
            self.kind, self.host, self.cause, self.advice, permanent=self.permanent, retry_at=self.retry_at
        )


def translate(error: Exception, host: str, connect_seconds: float, total_seconds: float) -> HttpFailure:
    kind = FailureKind.UNREACHABLE
    cause, advice = "closed the connection before its answer was complete", "try again later"
    match error:
        case aiohttp.ClientConnectorError(os_error=AddressForbidden()):
            kind = FailureKind.FORBIDDEN_ADDRESS
            cause, advice = "has an address that Dockrev may not connect to", "use a public address"
        case aiohttp.ClientConnectorCertificateError():
            kind, advice = FailureKind.TLS, "trust the authority that signed its certificate"
            cause = f"has a certificate that is not trusted ({_certificate_fault(error)})"
        case aiohttp.ClientSSLError() | ssl.SSLError():
            kind, advice = FailureKind.TLS, "check that it speaks HTTPS there"
            cause = "does not speak TLS that can be understood"
        case aiohttp.ClientConnectorDNSError():
            cause, advice = "has no address", "check the name and the DNS server of this machine"
        case aiohttp.ConnectionTimeoutError():
            kind, advice = FailureKind.TIMEOUT, "check the network and its firewalls"
            cause = f"took no connection within {connect_seconds:g} s"
        case TimeoutError():
            kind = FailureKind.TIMEOUT
            cause = f"gave no answer within {total_seconds:g} s"
        case aiohttp.ClientConnectorError():
            cause = f"cannot be connected to ({_connection_fault(error)})"
            advice = "check that it runs and listens there"
        case aiohttp.ClientPayloadError():
            cause = "sent an answer that breaks off or cannot be decoded"
        case aiohttp.ClientResponseError() | aiohttp.InvalidURL() | ValueError():
            kind, advice = FailureKind.NOT_HTTP, "check the address"
            cause = "did not speak HTTP"
    permanent = kind in {FailureKind.TLS, FailureKind.FORBIDDEN_ADDRESS}
    return HttpFailure(kind, host, cause, advice, permanent=permanent)


def _connection_fault(error: aiohttp.ClientConnectorError) -> str:
    """In the words of the system; asyncio's own message only repeats the address."""
    number = error.os_error.errno
    return os.strerror(number).lower() if number else "none of its addresses takes connections"


def _certificate_fault(error: aiohttp.ClientConnectorCertificateError) -> str:
    fault = error.certificate_error
    return fault.verify_message if isinstance(fault, ssl.SSLCertVerificationError) else "unverifiable"
