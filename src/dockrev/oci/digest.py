"""Content digests: `<algorithm>:<hex>` (OCI image spec, descriptor.md, "Digests")."""

import hashlib
import re
from typing import Self

from dockrev.errors import InvalidArgument

_GRAMMAR = re.compile(r"[a-z0-9]+(?:[+._-][a-z0-9]+)*:[a-zA-Z0-9=_-]+")
_REGISTERED = {"sha256": re.compile(r"[a-f0-9]{64}"), "sha512": re.compile(r"[a-f0-9]{128}")}


class Digest(str):
    """A checked digest. It is a string, so it compares, sorts and stores as one."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises InvalidArgument for anything that is no digest, a sha256 of the wrong length included."""
        algorithm, _, encoded = text.partition(":")
        registered = _REGISTERED.get(algorithm)
        if not _GRAMMAR.fullmatch(text) or (registered and not registered.fullmatch(encoded)):
            raise InvalidArgument(f"not a digest: {text[:100]!r}")
        return cls(text)

    @classmethod
    def of(cls, content: bytes) -> Self:
        return cls(f"sha256:{hashlib.sha256(content).hexdigest()}")

    def names(self, content: bytes) -> bool:
        """Whether `content` has this digest; never true for an algorithm that cannot be computed."""
        algorithm, _, encoded = self.partition(":")
        if algorithm not in _REGISTERED:
            return False
        return hashlib.new(algorithm, content).hexdigest() == encoded

    @property
    def short(self) -> str:
        """The first twelve hex digits, as Docker prints them."""
        return self.partition(":")[2][:12]
