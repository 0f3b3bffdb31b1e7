"""Finds settings that somebody changed with `docker update`. No compose file has them. No I/O.

Compose makes the same container from the same file, and the config hash of a container identifies the file.
So when the hashes of the old and the new container are equal but a setting differs, somebody set it by hand.
"""

from collections.abc import Mapping

from dockrev.errors import Json
from dockrev.replacement.proof import Fingerprint

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
"""The values that lift a limit. The other limits cannot be lifted: for them zero means "no change"."""

_SET_TOGETHER = frozenset({"Memory", "MemorySwap"})
"""When only one of them is sent, the engine compares it with the current value of the other."""


def manual_limits(old: Fingerprint, new: Fingerprint) -> Mapping[str, Json]:
    """The manual settings of the old container that the new one lacks, under the engine's names.

    Empty when the compose file changed.
    """
    if old.config_hash != new.config_hash:
        return {}
    changed = _changed(old, new)
    if not _SET_TOGETHER.isdisjoint(changed):
        changed |= _SET_TOGETHER
    settings = {name: _value(old, name) or _NO_LIMIT.get(name) for name in sorted(changed)}
    return {name: value for name, value in settings.items() if value}


def unexplained_limits(old: Fingerprint, new: Fingerprint) -> Mapping[str, Json]:
    """Settings that only the old container has, if the compose file changed and may explain them."""
    if old.config_hash == new.config_hash:
        return {}
    return {name: value for name in sorted(_changed(old, new)) if (value := _value(old, name))}


def described(settings: Mapping[str, Json]) -> str:
    return ", ".join(f"{name} {_word(value)}" for name, value in settings.items())


def _changed(old: Fingerprint, new: Fingerprint) -> set[str]:
    return {name for name in _UPDATABLE if _value(old, name) != _value(new, name)}


def _value(fingerprint: Fingerprint, name: str) -> Json:
    setting = fingerprint.settings.get(f"host.{name}")
    value: Json = setting.value if setting else None
    return value


def _word(value: Json) -> str:
    return ":".join(map(str, value.values())) if isinstance(value, Mapping) else str(value)
