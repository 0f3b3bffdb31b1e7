"""Platforms: `os/architecture[/variant]`, named as in the OCI image index."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self, TypeVar

from dockrev.errors import InvalidArgument

_ARCHITECTURES = {
    "x86_64": ("amd64", None),
    "x86-64": ("amd64", None),
    "aarch64": ("arm64", None),
    "armv7l": ("arm", "v7"),
    "armhf": ("arm", "v7"),
    "armv6l": ("arm", "v6"),
    "armel": ("arm", "v6"),
    "i386": ("386", None),
    "i686": ("386", None),
}


@dataclass(frozen=True, slots=True)
class Platform:
    os: str
    architecture: str
    variant: str | None = None

    @classmethod
    def of(cls, os: str, architecture: str, variant: str | None = None) -> Self:
        """Normalises the names that kernels and older tools use. `arm64/v8` becomes `arm64`."""
        name, implied = _ARCHITECTURES.get(architecture.lower(), (architecture.lower(), None))
        variant = variant or implied
        if name == "arm64" and variant == "v8":
            variant = None
        return cls(os.lower(), name, variant)

    @classmethod
    def parse(cls, text: str) -> Self:
        parts = text.strip().split("/")
        if len(parts) not in (2, 3) or not all(parts):
            raise InvalidArgument(f"not a platform (os/architecture[/variant]): {text!r}")
        return cls.of(parts[0], parts[1], parts[2] if len(parts) == 3 else None)

    @property
    def known(self) -> bool:
        """False for `unknown/unknown`, which BuildKit gives to attestations."""
        return self.os != "unknown" and self.architecture != "unknown"

    def same_machine(self, other: "Platform") -> bool:
        """Equal apart from the variant, which indexes often leave out."""
        return (self.os, self.architecture) == (other.os, other.architecture)

    def __str__(self) -> str:
        return "/".join(part for part in (self.os, self.architecture, self.variant) if part)


Offer = TypeVar("Offer")


def choose(host: Platform, offers: Iterable[tuple[Platform, Offer]]) -> Offer | None:
    """The offer that an engine on `host` would run: the exact platform, else the only one for its machine."""
    offers = list(offers)
    for platform, offer in offers:
        if platform == host:
            return offer
    near = [offer for platform, offer in offers if platform.same_machine(host)]
    return near[0] if len(near) == 1 else None
