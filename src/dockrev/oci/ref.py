"""Parses image references into their normal form, which all other code expects."""

import re
from dataclasses import dataclass, replace
from typing import Final, Self

from dockrev.errors import InvalidArgument
from dockrev.oci.digest import Digest

DOCKER_HUB = "docker.io"
DEFAULT_TAG = "latest"
MAX_TAG_LENGTH: Final = 128
"""The distribution specification allows no longer tag."""

_HUB_ALIASES = {"docker.io", "index.docker.io", "registry-1.docker.io", "registry.hub.docker.com"}
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_HOST = re.compile(rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[0-9a-fA-F:]+\])(?::([0-9]{{1,5}}))?")
_IMAGE_ID = re.compile(r"(?:sha256:)?[a-f0-9]{64}")
_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_PATH = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*")
_TAG = re.compile(rf"[A-Za-z0-9_][A-Za-z0-9_.-]{{0,{MAX_TAG_LENGTH - 1}}}")
_MAX_NAME_LENGTH = 255
_MAX_PORT = 65535


@dataclass(frozen=True, slots=True)
class ImageRef:
    """`registry/path:tag@digest` with registry and tag filled in (distribution's reference grammar).

    `tag` is None only for a reference that names a digest and no tag.
    """

    registry: str
    path: str
    tag: str | None
    digest: Digest | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises InvalidArgument, whose message says what is wrong with the reference."""
        if _IMAGE_ID.fullmatch(text):
            raise InvalidArgument(f"{text[:19]}... is the id of a local image and names no registry image")
        name, at, digest_text = text.partition("@")
        digest = Digest.parse(digest_text) if at else None
        head, slash, last = name.rpartition("/")
        last, colon, tag_text = last.partition(":")
        registry, path = _split_registry(f"{head}{slash}{last}", text)
        if colon and not _TAG.fullmatch(tag_text):
            raise InvalidArgument(f"image reference {text[:300]!r} has no valid tag")
        tag = tag_text if colon else (None if digest else DEFAULT_TAG)
        return cls(registry, path, tag, digest)

    @property
    def repository(self) -> str:
        """`registry/path`: the key of digests and tags in the database."""
        return f"{self.registry}/{self.path}"

    @property
    def pinned(self) -> bool:
        """The reference names a digest, so a moving tag cannot change what it means."""
        return self.digest is not None

    def at(self, digest: Digest) -> Self:
        return replace(self, digest=digest)

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        digest = f"@{self.digest}" if self.digest else ""
        return f"{self.repository}{tag}{digest}"


def is_of(image_ref: str, repository: str) -> bool:
    """Whether `image_ref` names an image of `repository`. Compares the text as it is, not the normal form."""
    return image_ref == repository or image_ref.startswith((f"{repository}:", f"{repository}@"))


def is_tag(text: str) -> bool:
    return _TAG.fullmatch(text) is not None


def _split_registry(name: str, text: str) -> tuple[str, str]:
    first, slash, rest = name.partition("/")
    has_host = bool(slash) and (
        "." in first or ":" in first or first == "localhost" or first.lower() != first
    )
    registry, path = (first, rest) if has_host else (DOCKER_HUB, name)
    host = _HOST.fullmatch(registry)
    if not host or int(host[1] or 0) > _MAX_PORT:
        raise InvalidArgument(f"image reference {text[:300]!r} names no valid registry host")
    registry = registry.lower()
    if registry in _HUB_ALIASES:
        registry = DOCKER_HUB
        path = path if "/" in path else f"library/{path}"
    if not _PATH.fullmatch(path) or len(registry) + len(path) >= _MAX_NAME_LENGTH:
        raise InvalidArgument(f"image reference {text[:300]!r} has no valid repository name")
    return registry, path
