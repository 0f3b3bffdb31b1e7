"""What an answer is worth: statuses turned into errors, bodies proved and parsed."""

from collections.abc import Callable
from http import HTTPStatus
from typing import TypeVar
from urllib.parse import urljoin, urlsplit

from dockrev.errors import InvalidArgument, RegistryError, RegistryErrorCode
from dockrev.oci.digest import Digest
from dockrev.oci.manifest import parse_manifest
from dockrev.registry.questions import Question
from dockrev.registry.transport import Answer

REDIRECTS = frozenset({301, 302, 303, 307, 308})

Parsed = TypeVar("Parsed")


def raise_for_status(answer: Answer, host: str, what: str) -> None:
    match answer.status:
        case 200:
            return
        case 404:
            raise RegistryError(
                RegistryErrorCode.NOT_FOUND,
                f"{host} found nothing when asked for {what}; check the name and the tag",
                permanent=True,
            )
        case 401 | 403:
            raise RegistryError(
                RegistryErrorCode.UNAUTHORIZED,
                f"{host} denies access to {what}; log in with an account that may pull it (docker login)",
                permanent=True,
            )
        case status if status >= 500:
            raise RegistryError(
                RegistryErrorCode.SERVER_ERROR,
                f"{host} failed with HTTP {_named(status)} when asked for {what}; try again later",
            )
        case status:
            raise bad(host, f"answered HTTP {_named(status)}", what)


def bad(host: str, did: str, what: str, *, permanent: bool = False) -> RegistryError:
    return RegistryError(
        RegistryErrorCode.BAD_ANSWER,
        f"{host} {did} when asked for {what}; check that it is a registry and nothing rewrites its answers",
        permanent=permanent,
    )


def digest_header(answer: Answer) -> Digest | None:
    """None when the header is absent or malformed, as with older registries."""
    try:
        return Digest.parse(answer.headers.get("Docker-Content-Digest", ""))
    except InvalidArgument:
        return None


def digest_of_manifest(answer: Answer, host: str, question: Question) -> Digest:
    """Hashes the body, provided that it is a manifest and not, say, the page of a captive portal."""
    body = whole_body(answer, host, question)
    parsed(parse_manifest, body, host, question)
    return Digest.of(body)


def proved_body(answer: Answer, digest: Digest, host: str, question: Question) -> bytes:
    body = whole_body(answer, host, question)
    if not digest.names(body):
        raise bad(host, "sent content that does not have the digest it was asked by", question.what)
    return body


def whole_body(answer: Answer, host: str, question: Question) -> bytes:
    if len(answer.body) > question.body_limit:
        raise bad(host, f"sent more than {question.body_limit} bytes", question.what, permanent=True)
    return answer.body


def parsed(parse: Callable[[bytes], Parsed], body: bytes, host: str, question: Question) -> Parsed:
    try:
        return parse(body)
    except InvalidArgument as error:
        raise bad(host, f"sent something unusable ({error.message})", question.what) from error


def location(answer: Answer, host: str, what: str) -> str:
    """The absolute address a redirect names; only http and https are addresses here."""
    try:
        url = urljoin(answer.url, answer.headers.get("Location", ""))
        parts = urlsplit(url)
        usable = parts.scheme in {"http", "https"} and parts.hostname and url != answer.url
        usable = usable and (parts.port is None or parts.port > 0)
    except ValueError:
        usable = False
    if not usable:
        raise bad(host, "redirects to nowhere", what)
    return url


def _named(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)
