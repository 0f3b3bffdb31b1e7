"""Content digests: `<algorithm>:<hex>` (OCI image spec, descriptor.md, "Digests").

Dockrev accepts only registered algorithms that engines compute. It cannot verify any other digest.
"""

import hashlib
import re
from typing import Final, Self

from dockrev.errors import InvalidArgument

_GRAMMAR: Final = re.compile(r"[a-z0-9]+(?:[+._-][a-z0-9]+)*:[a-zA-Z0-9=_-]+")
_DIGITS: Final = {"sha256": 64, "sha512": 128}
_REGISTERED: Final = {name: re.compile(rf"{name}:[a-f0-9]{{{count}}}") for name, count in _DIGITS.items()}
FORMS: Final = " or ".join(f"{name}:<{count} hex digits>" for name, count in _DIGITS.items())
"""The valid forms, for error messages."""


class Digest(str):
    """A checked digest. It is a string, so it compares, sorts and stores as one."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises InvalidArgument for any other text, such as a sha256 of the wrong length."""
        registered = _REGISTERED.get(text.partition(":")[0])
        if not registered or not registered.fullmatch(text):
            raise InvalidArgument(f"not a digest: {text[:100]!r}; a digest is {FORMS}")
        return cls(text)

    @classmethod
    def of(cls, content: bytes) -> Self:
        return cls(f"sha256:{hashlib.sha256(content).hexdigest()}")

    def names(self, content: bytes) -> bool:
        algorithm, _, encoded = self.partition(":")
        return algorithm in _REGISTERED and hashlib.new(algorithm, content).hexdigest() == encoded

    @property
    def short(self) -> str:
        """The first twelve hex digits, as Docker prints them."""
        return self.partition(":")[2][:12]


def is_foreign(text: str) -> bool:
    """Whether the text has the form of a digest, but an algorithm that Dockrev does not support."""
    return _GRAMMAR.fullmatch(text) is not None and text.partition(":")[0] not in _REGISTERED
