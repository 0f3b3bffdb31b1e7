"""Why an engine could not pull an image, told so that a person knows what to do."""

import re

from dockrev.errors import DockerError

_MAX_LENGTH = 300
_SECRET_PARTS = re.compile(r"(?P<scheme>https?://)(?:[^\s/\"@]*@)?(?P<rest>[^\s\"?]*)(?:\?[^\s\"]*)?")

_KNOWN: tuple[tuple[re.Pattern[str], bool, str], ...] = (
    (
        re.compile(r"no space left on device|disk quota exceeded"),
        True,
        "The engine's disk is full: there is no room for {name}. Make some and try again.",
    ),
    (
        re.compile(r"no matching manifest for|does not match the specified platform"),
        True,
        "{name} holds no image for the platform of this engine ({said}).",
    ),
    (
        re.compile(r"toomanyrequests|too many requests|rate limit", re.IGNORECASE),
        False,
        "The registry limits how often images are pulled, and {name} is above that: {said}. Wait, or log in.",
    ),
    (
        re.compile(
            r"unauthorized|authentication required|denied|no basic auth|incorrect username", re.IGNORECASE
        ),
        True,
        "The registry does not let this engine pull {name}: {said}. Check the login in Docker's config.json.",
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
        "The engine does not accept the certificate of the registry of {name}: {said}. Its authority"
        " belongs into the engine's /etc/docker/certs.d.",
    ),
    (
        re.compile(
            r"dial tcp|no such host|connection (?:refused|reset)|i/o timeout|TLS handshake timeout"
            r"|deadline exceeded|EOF"
        ),
        False,
        "The engine cannot reach the registry of {name}: {said}.",
    ),
)
"""What engines and registries say, whether a retry is pointless, and what to say instead; first match."""


def pull_failure(name: str, said: str) -> DockerError:
    return known_failure(name, said) or DockerError(f"The engine could not pull {name}: {_clean(said)}.")


def known_failure(name: str, said: str) -> DockerError | None:
    for pattern, permanent, sentence in _KNOWN:
        if pattern.search(said):
            return DockerError(sentence.format(name=name, said=_clean(said)), permanent=permanent)
    return None


def _clean(said: str) -> str:
    """Addresses without what may be secret in them: users, passwords, signed queries."""
    text = _SECRET_PARTS.sub(lambda found: f"{found['scheme']}{found['rest']}", said.strip())
    return text[:_MAX_LENGTH].rstrip(".")
