"""Responses of registries: statuses and failures become RegistryErrors, bodies are verified and parsed."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Self, TypeVar
from urllib.parse import urljoin, urlsplit

import orjson

from dockrev.clock import timestamp
from dockrev.errors import InvalidArgument, Json, RegistryError, RegistryErrorCode
from dockrev.http.failure import FailureKind, HttpFailure
from dockrev.http.messages import REDIRECT_STATUSES, HttpResponse
from dockrev.oci.digest import Digest
from dockrev.registry.links import next_link
from dockrev.registry.requests import RegistryRequest

Parsed = TypeVar("Parsed")

_REASONS = {
    FailureKind.UNREACHABLE: RegistryErrorCode.UNREACHABLE,
    FailureKind.TIMEOUT: RegistryErrorCode.TIMEOUT,
    FailureKind.TLS: RegistryErrorCode.TLS,
    FailureKind.RATE_LIMITED: RegistryErrorCode.RATE_LIMITED,
}
_ADVICE = {
    FailureKind.TLS: "name the authority that signed its certificate in DOCKREV_REGISTRY_CA_FILE, "
    "or list it in DOCKREV_INSECURE_REGISTRIES if it speaks plain HTTP",
    FailureKind.NOT_HTTP: "check that it is a registry",
}


@contextmanager
def registry_errors(what: str) -> Iterator[None]:
    """Turns an HttpFailure of a request for `what` into a RegistryError."""
    try:
        yield
    except HttpFailure as failure:
        raise _registry_error(failure, what) from failure


def _registry_error(failure: HttpFailure, what: str) -> RegistryError:
    reason = _REASONS.get(failure.kind, RegistryErrorCode.BAD_ANSWER)
    if failure.retry_at:
        message = (
            f"{failure.host} {failure.cause}, so asking for {what} has to wait "
            f"until {timestamp(failure.retry_at)}; a login usually raises the limit"
        )
    else:
        advice = _ADVICE.get(failure.kind, failure.advice)
        message = f"{failure.host} {failure.cause} when asked for {what}; {advice}"
    return RegistryError(reason, message, permanent=failure.permanent, retry_at=failure.retry_at)


@dataclass(frozen=True, slots=True)
class RegistryResponse:
    """What `host` answered to `request`."""

    http: HttpResponse
    host: str
    request: RegistryRequest

    @property
    def status(self) -> int:
        return self.http.status

    @property
    def is_redirect(self) -> bool:
        return self.status in REDIRECT_STATUSES

    def raise_for_status(self) -> Self:
        """Returns this response if its status is 200. Raises RegistryError."""
        what = self.request.what
        match self.status:
            case 200:
                return self
            case 404:
                raise RegistryError(
                    RegistryErrorCode.NOT_FOUND,
                    f"{self.host} found nothing when asked for {what}; check the name and the tag",
                    permanent=True,
                )
            case 401 | 403:
                raise RegistryError(
                    RegistryErrorCode.UNAUTHORIZED,
                    f"{self.host} denies access to {what}; "
                    "log in with an account that may pull it (docker login)",
                    permanent=True,
                )
            case status if status >= 500:
                raise RegistryError(
                    RegistryErrorCode.SERVER_ERROR,
                    f"{self.host} failed with HTTP {_named(status)} when asked for {what}; try again later",
                )
            case status:
                raise self.bad(f"answered HTTP {_named(status)}")

    def bad(self, did: str, *, permanent: bool = False) -> RegistryError:
        return RegistryError(
            RegistryErrorCode.BAD_ANSWER,
            f"{self.host} {did} when asked for {self.request.what}; "
            "check that it is a registry and nothing rewrites its answers",
            permanent=permanent,
        )

    @property
    def digest(self) -> Digest | None:
        """None when the header is absent or malformed, as with older registries."""
        try:
            return Digest.parse(self.http.headers.get("Docker-Content-Digest", ""))
        except InvalidArgument:
            return None

    def body(self) -> bytes:
        """Raises RegistryError when the client did not read all of it."""
        if len(self.http.body) > self.request.max_body_bytes:
            raise self.bad(f"sent more than {self.request.max_body_bytes} bytes", permanent=True)
        return self.http.body

    def verify(self, digest: Digest) -> None:
        """Raises RegistryError when the body does not have this digest."""
        if not digest.names(self.body()):
            raise self.bad("sent content that does not have the digest it was asked by")

    def parsed(self, parse: Callable[[bytes], Parsed]) -> Parsed:
        """Raises RegistryError when `parse` raises InvalidArgument."""
        try:
            return parse(self.body())
        except InvalidArgument as error:
            raise self.bad(f"sent something unusable ({error.message})") from error

    def redirect_url(self) -> str:
        """The absolute URL that a redirect names, which must be http or https."""
        try:
            url = urljoin(self.http.url, self.http.headers.get("Location", ""))
            parts = urlsplit(url)
            usable = parts.scheme in {"http", "https"} and parts.hostname and url != self.http.url
            usable = usable and (parts.port is None or parts.port > 0)
        except ValueError:
            usable = False
        if not usable:
            raise self.bad("redirects to nowhere")
        return url

    def next_page(self) -> str | None:
        """Path and query of the next page. Raises RegistryError when it is on another host."""
        return next_link(self.http.headers.getall("Link", []), self.http.url)


def parse_json(body: bytes) -> Json:
    try:
        document: Json = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InvalidArgument("not JSON") from error
    return document


def _named(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)
