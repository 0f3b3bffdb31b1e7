"""Networks and volumes of a project, by the names that the engine knows.

Without a name of its own one is called after project and key (Compose specification, "networks" and
"volumes").
"""

from collections.abc import Mapping
from typing import Any


def network_names(service: Mapping[str, Any], declared: Any, project: str) -> frozenset[str] | None:
    """`declared`: the project's networks as rendered. None: another network mode takes their place."""
    if service.get("network_mode"):
        return None
    keys = service.get("networks") or ["default"]
    return frozenset(resource_name(str(key), declared, project) for key in keys)


def resource_name(key: str, declared: Any, project: str) -> str:
    """`declared`: those of its kind, as rendered."""
    written = declared.get(key) if isinstance(declared, Mapping) else None
    resource = written if isinstance(written, Mapping) else {}
    external = resource.get("external")
    named = resource.get("name") or (external.get("name") if isinstance(external, Mapping) else None)
    return str(named or (key if external else f"{project}_{key}"))
