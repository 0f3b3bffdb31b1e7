"""What `docker update` has set on a container, of which its compose file knows nothing. No I/O.

Compose makes the same container of the same file (its config hash says which), so where an updatable setting
of the old container differs from that of the new one all the same, somebody had set it by hand.
"""

from collections.abc import Mapping

from dockrev.errors import Json
from dockrev.updates.proof import Testimony

_UPDATABLE = (
    "BlkioWeight",
    "CpuPeriod",
    "CpuQuota",
    "CpuRealtimePeriod",
    "CpuRealtimeRuntime",
    "CpuShares",
    "CpusetCpus",
    "CpusetMems",
    "Memory",
    "MemoryReservation",
    "MemorySwap",
    "NanoCpus",
    "PidsLimit",
    "RestartPolicy",
)
"""Engine API, "ContainerUpdate"."""

_NO_LIMIT: Mapping[str, Json] = {"PidsLimit": -1, "RestartPolicy": {"Name": "no"}}
"""The others cannot be lifted from a container that has them: the engine takes a zero for "as it is"."""

_TOGETHER = frozenset({"Memory", "MemorySwap"})
"""The engine compares one that comes alone with the other as it is."""


def set_by_hand(old: Testimony, new: Testimony) -> Mapping[str, Json]:
    """What the new container lacks of it, in the words of the engine. Nothing where the file has changed."""
    if old.config_hash != new.config_hash:
        return {}
    changed = _changed(old, new)
    if not _TOGETHER.isdisjoint(changed):
        changed |= _TOGETHER
    wanted = {name: _value(old, name) or _NO_LIMIT.get(name) for name in sorted(changed)}
    return {name: value for name, value in wanted.items() if value}


def of_unknown_origin(old: Testimony, new: Testimony) -> Mapping[str, Json]:
    """What the old container had and the new one has not: by hand, or from the file as it was then."""
    if old.config_hash == new.config_hash:
        return {}
    return {name: value for name in sorted(_changed(old, new)) if (value := _value(old, name))}


def told(settings: Mapping[str, Json]) -> str:
    return ", ".join(f"{name} {_word(value)}" for name, value in settings.items())


def _changed(old: Testimony, new: Testimony) -> set[str]:
    return {name for name in _UPDATABLE if _value(old, name) != _value(new, name)}


def _value(testimony: Testimony, name: str) -> Json:
    setting = testimony.settings.get(f"host.{name}")
    value: Json = setting.value if setting else None
    return value


def _word(value: Json) -> str:
    return ":".join(map(str, value.values())) if isinstance(value, Mapping) else str(value)
