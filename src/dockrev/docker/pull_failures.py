"""Turns the reasons why an engine could not pull an image into DockerErrors with a remedy."""

import re

from dockrev.errors import DockerError

_MAX_LENGTH = 300
_SECRET_PARTS = re.compile(r"(?P<scheme>https?://)(?:[^\s/\"@]*@)?(?P<rest>[^\s\"?]*)(?:\?[^\s\"]*)?")

_KNOWN: tuple[tuple[re.Pattern[str], bool, str], ...] = (
    (
        re.compile(r"no space left on device|disk quota exceeded"),
        True,
        "The engine's disk is full: there is no room for {name}. Free some space and try again.",
    ),
    (
        re.compile(r"no matching manifest for|does not match the specified platform"),
        True,
        "{name} has no image for the platform of this engine ({reason}).",
    ),
    (
        re.compile(r"toomanyrequests|too many requests|rate limit", re.IGNORECASE),
        False,
        "The registry limits how often images are pulled, and refuses {name} now: {reason}. Wait, or log in.",
    ),
    (
        re.compile(
            r"unauthorized|authentication required|denied|no basic auth|incorrect username", re.IGNORECASE
        ),
        True,
        "The registry does not let this engine pull {name}: {reason}."
        " Check the login in Docker's config.json.",
    ),
    (
        re.compile(r"manifest unknown|manifest for .* not found|name unknown|not found: not found"),
        True,
        "The registry does not offer {name} any more. Check for updates again.",
    ),
    (
        re.compile(r"server gave HTTP response to HTTPS client"),
        True,
        "The registry of {name} speaks plain HTTP. The engine pulls from it only when it is listed under"
        " insecure-registries in the engine's daemon.json.",
    ),
    (
        re.compile(r"x509:|tls: |certificate"),
        True,
        "The engine does not accept the certificate of the registry of {name}: {reason}. Put the"
        " certificate of its authority into the engine's /etc/docker/certs.d.",
    ),
    (
        re.compile(
            r"dial tcp|no such host|connection (?:refused|reset)|i/o timeout|TLS handshake timeout"
            r"|deadline exceeded|EOF"
        ),
        False,
        "The engine cannot reach the registry of {name}: {reason}.",
    ),
)
"""A pattern in the engine's message, whether a retry is pointless, and our sentence. The first match wins."""


def pull_failure(name: str, reason: str) -> DockerError:
    return known_failure(name, reason) or DockerError(f"The engine could not pull {name}: {_clean(reason)}.")


def known_failure(name: str, reason: str) -> DockerError | None:
    for pattern, permanent, sentence in _KNOWN:
        if pattern.search(reason):
            return DockerError(sentence.format(name=name, reason=_clean(reason)), permanent=permanent)
    return None


def _clean(reason: str) -> str:
    """Removes what may be secret in URLs: users, passwords, signed queries."""
    text = _SECRET_PARTS.sub(lambda url: f"{url['scheme']}{url['rest']}", reason.strip())
    return text[:_MAX_LENGTH].rstrip(".")
