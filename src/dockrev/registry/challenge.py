"""Parses the WWW-Authenticate header of a 401 (RFC 9110, section 11.6.1)."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105 -- RFC 9110's word for a word
_PARAMETER = re.compile(rf'\s*({_TOKEN})\s*=\s*(?:"((?:[^"\\]|\\.)*)"|({_TOKEN}))\s*(?:,|$)')
_SCHEME = re.compile(rf"[\s,]*({_TOKEN})(?:\s+|\s*,|$)")


@dataclass(frozen=True, slots=True)
class Bearer:
    """The client must get a token from `realm` (distribution spec, token authentication)."""

    realm: str
    service: str | None = None
    error: str | None = field(default=None, compare=False)
    """Why the server refused the token that was sent: `invalid_token`, `insufficient_scope`."""

    @property
    def host(self) -> str:
        return urlsplit(self.realm).netloc


@dataclass(frozen=True, slots=True)
class Basic:
    pass


Challenge = Bearer | Basic


def parse_challenge(headers: Iterable[str]) -> Challenge | None:
    """Prefers Bearer to Basic. None when the headers name neither."""
    basic = None
    for header in headers:
        for scheme, parameters in _challenges(header):
            if scheme == "bearer" and "realm" in parameters:
                return Bearer(parameters["realm"], parameters.get("service"), parameters.get("error"))
            if scheme == "basic":
                basic = Basic()
    return basic


def _challenges(header: str) -> Iterator[tuple[str, dict[str, str]]]:
    position = 0
    while scheme := _SCHEME.match(header, position):
        parameters = {}
        position = scheme.end()
        while parameter := _PARAMETER.match(header, position):
            name, quoted, plain = parameter.groups()
            parameters[name.lower()] = plain if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
            position = parameter.end()
        yield scheme[1].lower(), parameters
