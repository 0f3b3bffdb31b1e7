"""Decides whose forwarded headers are trusted."""

from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address

from starlette.types import Scope

from dockrev.config.shared import Network


def peer_of(scope: Scope) -> str | None:
    """The address at the other end of the socket. None on a Unix socket."""
    client = scope.get("client")
    return client[0] if client else None


def is_trusted(peer: str | None, trusted: tuple[Network, ...] | None) -> bool:
    """`trusted` None trusts every peer. A peer without an address is in no network."""
    if trusted is None:
        return True
    address = _address(peer)
    return address is not None and any(address in network for network in trusted)


@lru_cache(maxsize=1024)
def _address(peer: str | None) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(peer or "")
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
