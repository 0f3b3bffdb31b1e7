"""The mounts of a service, in the short syntax (`data:/data:ro`) or the long one."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from dockrev.compose.models import ServiceVolume

_PART = re.compile(r"(?:\$\{[^}]*\}|[^:])+")
"""A colon inside `${NAME:-default}` is no separator."""


def service_volumes(written: Any) -> tuple[ServiceVolume, ...]:
    return tuple(_volumes(written if isinstance(written, list) else []))


def _volumes(entries: list[Any]) -> Iterator[ServiceVolume]:
    for entry in entries:
        if isinstance(entry, str):
            yield _short(_PART.findall(entry))
        elif isinstance(entry, Mapping) and entry.get("target"):
            yield ServiceVolume(
                type=str(entry.get("type") or "volume"),
                source=str(entry["source"]) if entry.get("source") else None,
                target=str(entry["target"]),
            )


def _short(parts: list[str]) -> ServiceVolume:
    if len(parts) < 2:
        return ServiceVolume("volume", None, "".join(parts))
    source, target, *_ = parts
    kind = "bind" if source.startswith((".", "/", "~")) else "volume"
    return ServiceVolume(kind, source, target)
