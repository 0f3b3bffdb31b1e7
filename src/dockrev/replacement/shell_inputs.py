"""Finds settings of a container that Compose could not give to a new one from here. No I/O.

They are missing when somebody started the project from a shell whose variables no file of the project has.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from posixpath import normpath
from typing import Any

from dockrev.compose.models import ComposeService
from dockrev.docker import labels
from dockrev.docker.inspect import ContainerDetail, ImageDetail

_WITH_DATA = ("bind", "volume")
_BOOLEANS = ("true", "false")
_V1_AFFINITY = "affinity:container"
"""Compose V1 sets this variable to the container whose anonymous volumes the new one takes over."""
_DESKTOP_BINDS = "desktop.docker.io/binds/"


def edited_since(container: ContainerDetail, changed_at: datetime | None) -> bool:
    """Whether a file of the project is newer than the container. Then it may explain any difference."""
    return bool(container.created_at and changed_at and changed_at > container.created_at)


def missing_inputs(service: ComposeService, container: ContainerDetail, image: ImageDetail) -> list[str]:
    """Names the environment variables, labels, ports and mounts. Leaves out values that may be secret."""
    return [
        *_environment(service, container, image),
        *_labels(service, container, image),
        *_ports(service, container),
        *_mounts(service, container),
    ]


def _environment(service: ComposeService, container: ContainerDetail, image: ImageDetail) -> list[str]:
    config = container.document.get("Config") or {}
    own = [entry for entry in config.get("Env") or () if entry not in image.config.env]
    pairs = (str(entry).partition("=") for entry in own)
    return sorted(
        name
        for name, equals, value in pairs
        if equals  # no equals sign: the compose file names a variable that was not set
        and not _same(service.environment.get(name), value)
        and not name.lower().endswith("_proxy")  # Docker adds its proxy settings itself
        and name != _V1_AFFINITY
    )


def _labels(service: ComposeService, container: ContainerDetail, image: ImageDetail) -> list[str]:
    config = container.document.get("Config") or {}
    inherited = (image.config.document.get("Labels") or {}).items()
    return sorted(
        f"label {name}"
        for name, value in (config.get("Labels") or {}).items() - inherited
        if not _same(service.labels.get(name), value) and not name.startswith(labels.OF_TOOLS)
    )


def _same(here: str | None, there: str) -> bool:
    """Ignores the case of booleans: Compose V1 writes `True`, V2 writes `true`."""
    if here is not None and there.lower() in _BOOLEANS:
        return here.lower() == there.lower()
    return here == there


def _ports(service: ComposeService, container: ContainerDetail) -> list[str]:
    if any("-" in port for port in service.published):  # each replica gets a port of the range
        return []
    host = container.document.get("HostConfig") or {}
    return [f"port {port}" for port in sorted(_bound(host.get("PortBindings")) - service.published)]


def _mounts(service: ComposeService, container: ContainerDetail) -> list[str]:
    """The mounts that would get their data from another source."""
    sources = {
        _path(volume.target): _normal(volume.source)
        for volume in service.volumes
        if volume.type in _WITH_DATA and volume.source
    }
    mounted = {_path(mount.destination): mount.name or mount.source for mount in container.mounts}
    return sorted(
        f"{source} at {target}"
        for target, source in (mounted | _desktop_binds(container)).items()
        if sources.get(target, _normal(source)) != _normal(source)
    )


def _desktop_binds(container: ContainerDetail) -> dict[str, str]:
    """The sources in the compose file, by target. Docker Desktop mounts other paths; labels hold these."""
    sources = {}
    for name, target in container.labels.items():
        if name.startswith(_DESKTOP_BINDS) and name.endswith("/Target"):
            sources[_path(target)] = container.labels.get(name.removesuffix("Target") + "Source", "")
    return {target: source for target, source in sources.items() if source}


def _normal(source: str) -> str:
    return _path(source) if source.startswith("/") else source


def _path(path: str) -> str:
    """The path as the engine stores it. `normpath` alone keeps two leading slashes, as POSIX allows."""
    return normpath(path).replace("//", "/")


def _bound(bindings: Mapping[str, Iterable[Any]] | None) -> set[str]:
    ports = {str(port.get("HostPort")) for bound in (bindings or {}).values() for port in bound or ()}
    return ports - {"", "0"}
