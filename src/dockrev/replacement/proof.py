"""Proves that a new container differs from the old one only where the new image explains it. No I/O.

The proof compares what the engine shows of both (Engine API, "ContainerInspect"), in one normal form.
"""

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from dockrev.docker import labels
from dockrev.docker.inspect import ContainerDetail, ImageDetail
from dockrev.errors import Json

CONFIG_HASH = "com.docker.compose.config-hash"

_HOST_SETTINGS = (
    "AutoRemove",
    "BlkioWeight",
    "CapAdd",
    "CapDrop",
    "Cgroup",
    "CgroupParent",
    "CpuPeriod",
    "CpuQuota",
    "CpuRealtimePeriod",
    "CpuRealtimeRuntime",
    "CpuShares",
    "CpusetCpus",
    "CpusetMems",
    "DeviceCgroupRules",
    "DeviceRequests",
    "Devices",
    "Dns",
    "DnsOptions",
    "DnsSearch",
    "ExtraHosts",
    "GroupAdd",
    "Init",
    "IpcMode",
    "Isolation",
    "LogConfig",
    "Memory",
    "MemoryReservation",
    "MemorySwap",
    "MemorySwappiness",
    "NanoCpus",
    "OomKillDisable",
    "OomScoreAdj",
    "PidMode",
    "PidsLimit",
    "PortBindings",
    "Privileged",
    "PublishAllPorts",
    "ReadonlyRootfs",
    "RestartPolicy",
    "Runtime",
    "SecurityOpt",
    "ShmSize",
    "Sysctls",
    "Tmpfs",
    "UTSMode",
    "Ulimits",
    "UsernsMode",
)
_FROM_IMAGE = ("Cmd", "Entrypoint", "User", "WorkingDir", "StopSignal", "Healthcheck")
_SECRET = ("env.", "label.", "config.Cmd", "config.Entrypoint", "config.Healthcheck", "host.LogConfig")
"""These settings may hold passwords. Fingerprints hold only their hashes, and messages show `(set)`."""
_SHORT_ID = 12
"""The engine uses this many digits of a container's id as its default host name and as an alias."""
_OWN_SETTINGS = ("Hostname", "Domainname", "Tty", "OpenStdin", "StopTimeout", "MacAddress")


@dataclass(frozen=True, slots=True)
class Difference:
    """A changed setting that nothing explains. Values that may be secret are replaced by `(set)`."""

    setting: str
    before: str
    after: str

    def __str__(self) -> str:
        return f"{self.setting}: {self.before} -> {self.after}"


@dataclass(frozen=True, slots=True)
class Setting:
    """`default`: the value comes from the image, so another image may have another value."""

    value: Any
    default: bool = False


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """The normal form of a container. It can be stored, because values that may be secret are hashed."""

    config_hash: str | None
    settings: Mapping[str, Setting]


def fingerprint(container: ContainerDetail, image: ImageDetail) -> Fingerprint:
    document, defaults = container.document, image.config.document
    config, host = _mapping(document.get("Config")), _mapping(document.get("HostConfig"))
    own: dict[str, Json] = {f"host.{name}": _unordered(host.get(name)) for name in _HOST_SETTINGS}
    own |= {f"config.{name}": _plain(config.get(name)) for name in _OWN_SETTINGS}
    if config.get("Hostname") == container.id[:_SHORT_ID]:
        own["config.Hostname"] = "(container id)"
    own |= _networks(document, host, container) | _shared_namespaces(host) | _volume_sources(host)
    settings = {name: Setting(value) for name, value in own.items()}
    settings |= {f"config.{name}": _or_image(name, config, defaults) for name in _FROM_IMAGE}
    settings |= _environment(config, defaults) | _labels(config, defaults)
    settings |= _mounts(document, image.config.volumes)
    present = {
        name: replace(setting, value=_hashed(str(setting.value))) if name.startswith(_SECRET) else setting
        for name, setting in settings.items()
        if setting.value is not None
    }
    return Fingerprint(container.labels.get(CONFIG_HASH), present)


def compare(before: Fingerprint, after: Fingerprint) -> list[Difference]:
    """The settings that were lost or changed. A changed compose file explains every difference."""
    if before.config_hash != after.config_hash:
        return []
    old, new = before.settings, after.settings
    return [
        Difference(name, _shown(name, old.get(name)), _shown(name, new.get(name)))
        for name in sorted(old.keys() | new.keys())
        if not _explained(old.get(name, _ABSENT), new.get(name, _ABSENT))
    ]


_ABSENT = Setting(None, default=True)


def _explained(old: Setting, new: Setting) -> bool:
    return old.value == new.value or (old.default and new.default)


def _or_image(name: str, config: Mapping[str, Any], image: Mapping[str, Any]) -> Setting:
    own = _plain(config.get(name))
    return Setting(own, default=own == _plain(image.get(name)))


def _environment(config: Mapping[str, Any], image: Mapping[str, Any]) -> dict[str, Setting]:
    image_entries = set(_sequence(image.get("Env")))
    settings = {}
    for entry in _sequence(config.get("Env")):
        name, _, value = str(entry).partition("=")
        settings[f"env.{name}"] = Setting(value, default=entry in image_entries)
    return settings


def _labels(config: Mapping[str, Any], image: Mapping[str, Any]) -> dict[str, Setting]:
    image_labels = _mapping(image.get("Labels"))
    return {
        f"label.{name}": Setting(value, default=image_labels.get(name) == value)
        for name, value in _mapping(config.get("Labels")).items()
        if not name.startswith(labels.OF_TOOLS)
    }


def _mounts(document: Mapping[str, Any], image_volumes: Collection[str]) -> dict[str, Setting]:
    """Another anonymous volume may replace an anonymous volume, but a volume has to be mounted at that path.

    A mount that comes from an image may go away with the image. This can be the container's own image, or the
    image of a container in `VolumesFrom`.
    """
    form: dict[str, Setting] = {}
    inherits = bool(_mapping(document.get("HostConfig")).get("VolumesFrom"))
    for mount in _sequence(document.get("Mounts")):
        source, destination = mount.get("Name") or mount.get("Source"), str(mount.get("Destination"))
        anonymous = mount.get("Type") == "volume" and _is_anonymous(str(mount.get("Name")))
        value = [mount.get("Type"), "(anonymous)" if anonymous else source, mount.get("RW")]
        by_image = destination in image_volumes or inherits
        form[f"mount.{destination}"] = Setting(value, default=anonymous and by_image)
    return form


def _hashed(value: str) -> str:
    return hashlib.sha256(value.encode()).hexdigest()[:32]


def _is_anonymous(name: str) -> bool:
    return len(name) == 64 and all(character in "0123456789abcdef" for character in name)


def _networks(
    document: Mapping[str, Any], host: Mapping[str, Any], container: ContainerDetail
) -> dict[str, Json]:
    shared = _is_shared(host.get("NetworkMode"))
    form: dict[str, Json] = {"network.mode": "container" if shared else str(host.get("NetworkMode"))}
    attached = _mapping(_mapping(document.get("NetworkSettings")).get("Networks"))
    for name, endpoint in {} if shared else attached.items():
        form[f"network.{name}"] = {
            "aliases": sorted(
                alias for alias in {*_sequence(endpoint.get("Aliases"))} if alias != container.id[:_SHORT_ID]
            ),
            "addresses": _plain(endpoint.get("IPAMConfig")),
            "links": _plain(endpoint.get("Links")),
        }
    return form


def _shared_namespaces(host: Mapping[str, Any]) -> dict[str, Json]:
    """Leaves out the owner's id, because the owner may be a new container.

    A container in the network namespace of another one also has the host name of that one.
    """
    form: dict[str, Json] = {
        f"host.{name}": "container" for name in ("PidMode", "IpcMode") if _is_shared(host.get(name))
    }
    if _is_shared(host.get("NetworkMode")):
        form |= {"config.Hostname": None, "config.Domainname": None}
    return form


def _volume_sources(host: Mapping[str, Any]) -> dict[str, Json]:
    """Keeps only the access modes, because the containers that own the volumes may be new ones."""
    modes = sorted(str(source).partition(":")[2] or "rw" for source in _sequence(host.get("VolumesFrom")))
    return {"host.VolumesFrom": ["container", *modes] if modes else None}


def _is_shared(mode: Any) -> bool:
    return str(mode).startswith("container:")


def _shown(name: str, setting: Setting | None) -> str:
    if setting is None:
        return "(absent)"
    return "(set)" if name.startswith(_SECRET) else str(setting.value)[:200]


def _unordered(value: Any) -> Json:
    """Sorts a list, because Compose writes some of these lists in a different order each time."""
    plain = _plain(value)
    if isinstance(plain, list):
        return sorted(plain, key=str)
    return plain


def _plain(value: Any) -> Json:
    """Turns empty values into None, because the engine treats empty and absent alike."""
    if not value:
        return None
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in sorted(value.items()) if _plain(item) is not None}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(item) for item in value]
    return value if isinstance(value, str | int | float | bool) else str(value)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _sequence(value: Any) -> Iterable[Any]:
    return value if isinstance(value, Sequence) and not isinstance(value, str) else ()
