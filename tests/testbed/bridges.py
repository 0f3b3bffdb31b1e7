"""Networks for engines: each engine gets a bridge and a range of addresses that nothing else here uses."""

import random
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Interface, IPv4Network
from pathlib import Path
from typing import Self

NETWORK_BITS = 28

_RANGES = list(IPv4Network("198.18.0.0/15").subnets(new_prefix=20))
"""Addresses for benchmarks (RFC 2544), which no real network uses. A range has room for 256 networks."""


class NoRangeLeft(Exception):
    pass


@dataclass(frozen=True, slots=True)
class Bridge:
    """The default bridge of an engine. Without one, the engine would delete the docker0 of another engine."""

    subnet: IPv4Network

    @classmethod
    def claim(cls, record: Path) -> Self:
        """Claims a free range. The range determines the interface's name, so no two claims get the same."""
        taken = [address.network for _, address in _addresses()]
        for subnet in random.sample(_RANGES, len(_RANGES)):
            bridge = cls(subnet)
            if not any(subnet.overlaps(network) for network in taken) and bridge._create():
                record.write_text(str(subnet))
                return bridge
        raise NoRangeLeft(f"no free range in {_RANGES[0].supernet(5)}")

    @classmethod
    def recorded(cls, record: Path) -> Self:
        return cls(IPv4Network(record.read_text()))

    @property
    def interface(self) -> str:
        """The name of the bridge. Linux allows at most 15 characters."""
        return f"drt-{int(self.subnet.network_address):08x}"

    def remove_all(self) -> None:
        """Removes the bridge, and the bridges of Compose projects in its range."""
        for interface, address in _addresses():
            if address.ip in self.subnet:
                _ip("link", "del", interface)

    def _create(self) -> bool:
        if not _ip("link", "add", self.interface, "type", "bridge"):
            return False
        _ip("addr", "add", f"{self.subnet[1]}/{NETWORK_BITS}", "dev", self.interface)
        return _ip("link", "set", self.interface, "up")


def _addresses() -> Iterator[tuple[str, IPv4Interface]]:
    """Parses lines such as `5: br-1f2e    inet 198.18.0.1/28 brd ... scope global br-1f2e`."""
    listing = subprocess.run(
        ["busybox", "ip", "-o", "-4", "addr", "show"], check=True, capture_output=True, text=True
    )
    for line in listing.stdout.splitlines():
        words = line.split()
        yield words[1], IPv4Interface(words[3])


def _ip(*arguments: str) -> bool:
    return subprocess.run(["busybox", "ip", *arguments], check=False, capture_output=True).returncode == 0
