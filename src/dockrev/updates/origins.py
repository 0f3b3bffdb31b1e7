"""What Compose gave a container, and would not give it from here. No I/O.

Whoever started the project may have set variables in a shell, which are in none of the project's files.
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
"""Compose V1 names in it the container whose anonymous volumes this one has."""
_DESKTOP_BINDS = "desktop.docker.io/binds/"


def edited_since(container: ContainerDetail, changed_at: datetime | None) -> bool:
    """Were the project's files changed after it was made, so that they explain any difference?"""
    return bool(container.created_at and changed_at and changed_at > container.created_at)


def not_given_here(service: ComposeService, container: ContainerDetail, image: ImageDetail) -> list[str]:
    """Names of environment variables and labels, ports and mounts; no values that may be secret."""
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
        if equals  # else the file names a variable that nothing had set
        and not _same(service.environment.get(name), value)
        and not name.lower().endswith("_proxy")  # Docker's own
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
    """V1 writes a boolean `True`, V2 `true`."""
    if here is not None and there.lower() in _BOOLEANS:
        return here.lower() == there.lower()
    return here == there


def _ports(service: ComposeService, container: ContainerDetail) -> list[str]:
    if any("-" in one for one in service.published):  # of a range each replica gets one
        return []
    host = container.document.get("HostConfig") or {}
    return [f"port {one}" for one in sorted(_bound(host.get("PortBindings")) - service.published)]


def _mounts(service: ComposeService, container: ContainerDetail) -> list[str]:
    """Where data would come from elsewhere."""
    wanted = {
        _path(one.target): _normal(one.source)
        for one in service.volumes
        if one.type in _WITH_DATA and one.source
    }
    mounted = {_path(one.destination): one.name or one.source for one in container.mounts}
    return sorted(
        f"{source} at {target}"
        for target, source in (mounted | _asked_of_desktop(container)).items()
        if wanted.get(target, _normal(source)) != _normal(source)
    )


def _asked_of_desktop(container: ContainerDetail) -> dict[str, str]:
    """Docker Desktop mounts a directory of its host from elsewhere; labels keep what was asked for."""
    found = {}
    for name, target in container.labels.items():
        if name.startswith(_DESKTOP_BINDS) and name.endswith("/Target"):
            found[_path(target)] = container.labels.get(name.removesuffix("Target") + "Source", "")
    return {target: source for target, source in found.items() if source}


def _normal(source: str) -> str:
    return _path(source) if source.startswith("/") else source


def _path(path: str) -> str:
    """As the engine keeps it; POSIX lets two slashes at the beginning mean something else."""
    return normpath(path).replace("//", "/")


def _bound(bindings: Mapping[str, Iterable[Any]] | None) -> set[str]:
    found = {str(one.get("HostPort")) for bound in (bindings or {}).values() for one in bound or ()}
    return found - {"", "0"}
