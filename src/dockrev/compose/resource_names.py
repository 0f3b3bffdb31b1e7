"""Finds the engine's names of the networks and volumes of a project.

A network or volume without `name` is called `PROJECT_KEY` (Compose specification, "networks" and "volumes").
"""

from collections.abc import Mapping
from typing import Any


def network_names(service: Mapping[str, Any], declared: Any, project: str) -> frozenset[str] | None:
    """`declared`: the rendered top-level `networks`. None: `network_mode` replaces the networks."""
    if service.get("network_mode"):
        return None
    keys = service.get("networks") or ["default"]
    return frozenset(resource_name(str(key), declared, project) for key in keys)


def resource_name(key: str, declared: Any, project: str) -> str:
    """`declared`: the rendered top-level `networks` or `volumes`."""
    entry = declared.get(key) if isinstance(declared, Mapping) else None
    resource = entry if isinstance(entry, Mapping) else {}
    external = resource.get("external")
    name = resource.get("name") or (external.get("name") if isinstance(external, Mapping) else None)
    return str(name or (key if external else f"{project}_{key}"))
