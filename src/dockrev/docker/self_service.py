"""Finds the container of this engine that runs Dockrev itself. Dockrev must not replace, stop or pause it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dockrev.docker.containers import Containers
from dockrev.docker.engine import Engine
from dockrev.docker.inspect import ContainerDetail
from dockrev.docker.process_identity import Traces
from dockrev.docker.snapshot import Container
from dockrev.errors import DockerNotFound
from dockrev.oci.ref import is_of


@dataclass(frozen=True, slots=True)
class OwnService:
    """Recognises Dockrev by its image, and by the container of this process if this engine runs it.

    `image`: the repository of Dockrev's image. `project` and `service`: the Compose labels of that container.
    """

    image: str
    container_id: str | None = None
    project: str | None = None
    service: str | None = None

    def is_service(self, project: str, service: str, image_ref: str | None) -> bool:
        if image_ref is not None and is_of(image_ref, self.image):
            return True
        return (project, service) == (self.project, self.service)

    def is_container(self, container: Container | ContainerDetail) -> bool:
        if container.id == self.container_id or is_of(container.image, self.image):
            return True
        if self.service is None:
            return False
        return (container.project, container.service) == (self.project, self.service)


async def find_own_service(engine: Engine, containers: Containers, image: str, traces: Traces) -> OwnService:
    """Asks the engine only when `traces` say that this process runs in a container. Raises DockerError."""
    container = await _own_container(engine, containers, traces)
    if container is None:
        return OwnService(image)
    return OwnService(image, container.id, container.project, container.service)


async def _own_container(engine: Engine, containers: Containers, traces: Traces) -> ContainerDetail | None:
    """None when this process does not run on this engine, or when its container cannot be identified."""
    if (own_id := traces.container_id) is not None:
        return await _inspected(containers, own_id)
    if (network_id := traces.network_id) is None:
        return None
    owner = await _inspected(containers, network_id)
    if owner is None:
        return None
    guest_ids = await engine.ask("containers/json", lambda answer: _guests(answer, owner))
    guests = [guest for guest_id in guest_ids if (guest := await _inspected(containers, guest_id))]
    return _with_layer(traces.writable_layer, [owner, *guests]) if guests else owner


def _with_layer(layer: str | None, candidates: Sequence[ContainerDetail]) -> ContainerDetail | None:
    """Containers that share a network differ only in their writable layer."""
    matches = [
        container for container in candidates if layer is not None and _writable_layer(container) == layer
    ]
    return matches[0] if len(matches) == 1 else None


async def _inspected(containers: Containers, container_id: str) -> ContainerDetail | None:
    try:
        return await containers.inspect(container_id)
    except DockerNotFound:
        return None


def traces_of_this_process() -> Traces:
    return Traces(_text("/proc/self/cgroup"), _text("/proc/self/mountinfo"))


def _text(path: str) -> str:
    """Empty when the file cannot be read."""
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _guests(answer: Any, owner: ContainerDetail) -> tuple[str, ...]:
    """The ids of running containers that use the network of the owner."""
    modes = {f"container:{owner.id}", f"container:{owner.name}"}
    return tuple(
        str(entry["Id"]) for entry in answer if (entry.get("HostConfig") or {}).get("NetworkMode") in modes
    )


def _writable_layer(container: ContainerDetail) -> str | None:
    driver = container.document.get("GraphDriver") or {}
    layer = (driver.get("Data") or {}).get("UpperDir")
    return layer if isinstance(layer, str) else None
