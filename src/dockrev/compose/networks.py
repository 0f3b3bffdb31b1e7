"""The networks of a service, by the names that the engine knows."""

from collections.abc import Mapping
from typing import Any


def network_names(service: Mapping[str, Any], declared: Any, project: str) -> frozenset[str] | None:
    """`declared`: the project's networks as rendered. None: another network mode takes their place.

    Without a name of its own a network is called after project and key (Compose specification, "networks").
    """
    if service.get("network_mode"):
        return None
    networks = declared if isinstance(declared, Mapping) else {}
    keys = service.get("networks") or ["default"]
    return frozenset(_name(str(key), networks.get(key), project) for key in keys)


def _name(key: str, written: Any, project: str) -> str:
    network = written if isinstance(written, Mapping) else {}
    external = network.get("external")
    named = network.get("name") or (external.get("name") if isinstance(external, Mapping) else None)
    return str(named or (key if external else f"{project}_{key}"))
