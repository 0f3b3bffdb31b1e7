"""What on this engine is Dockrev itself, and may neither be replaced nor held by its own work."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dockrev.docker.engine import Engine
from dockrev.docker.inspect import ContainerDetail, Inspection
from dockrev.docker.process_identity import Traces
from dockrev.docker.snapshot import Container
from dockrev.errors import DockerNotFound
from dockrev.oci.ref import is_of


@dataclass(frozen=True, slots=True)
class OwnService:
    """Known by its image, and by the container that this process runs in, if that is one of the engine's.

    `image`: the repository of Dockrev's image. `project` and `service`: what Compose calls that container.
    """

    image: str
    container_id: str | None = None
    project: str | None = None
    service: str | None = None

    def is_service(self, project: str, service: str, image_ref: str | None) -> bool:
        if image_ref is not None and is_of(image_ref, self.image):
            return True
        return (project, service) == (self.project, self.service)

    def is_container(self, one: Container | ContainerDetail) -> bool:
        if one.id == self.container_id or is_of(one.image, self.image):
            return True
        return self.service is not None and (one.project, one.service) == (self.project, self.service)


class SelfService:
    """Asks the engine once, and only a process that has traces of a container."""

    def __init__(self, engine: Engine, image: str, traces: Traces) -> None:
        self._engine = engine
        self._inspection = Inspection(engine)
        self._image = image
        self._traces = traces
        self._known: OwnService | None = None

    async def get(self) -> OwnService:
        """Raises DockerError when it is not known yet and the engine does not answer."""
        if self._known is None:
            self._known = self._described(await self._find())
        return self._known

    def _described(self, found: ContainerDetail | None) -> OwnService:
        if found is None:
            return OwnService(self._image)
        return OwnService(self._image, found.id, found.project, found.service)

    async def _find(self) -> ContainerDetail | None:
        """None: no container of this engine, or it cannot be told which."""
        if (own_id := self._traces.container_id) is not None:
            return await self._inspected(own_id)
        if (network_id := self._traces.network_id) is None:
            return None
        named = await self._inspected(network_id)
        if named is None:
            return None
        shared_with = await self._engine.ask("containers/json", lambda answer: _guests(answer, named))
        guests = [one for guest_id in shared_with if (one := await self._inspected(guest_id))]
        return self._with_own_layer([named, *guests]) if guests else named

    def _with_own_layer(self, candidates: Sequence[ContainerDetail]) -> ContainerDetail | None:
        """Containers that share a network have the same names and addresses, but each writes elsewhere."""
        layer = self._traces.writable_layer
        found = [one for one in candidates if layer is not None and _writable_layer(one) == layer]
        return found[0] if len(found) == 1 else None

    async def _inspected(self, container_id: str) -> ContainerDetail | None:
        try:
            return await self._inspection.container(container_id)
        except DockerNotFound:
            return None


def traces_of_this_process() -> Traces:
    return Traces(_text("/proc/self/cgroup"), _text("/proc/self/mountinfo"))


def _text(path: str) -> str:
    """Empty where there is no such file."""
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _guests(answer: Any, owner: ContainerDetail) -> tuple[str, ...]:
    """Running containers in the network of the owner."""
    modes = {f"container:{owner.id}", f"container:{owner.name}"}
    return tuple(
        str(entry["Id"]) for entry in answer if (entry.get("HostConfig") or {}).get("NetworkMode") in modes
    )


def _writable_layer(one: ContainerDetail) -> str | None:
    driver = one.document.get("GraphDriver") or {}
    layer = (driver.get("Data") or {}).get("UpperDir")
    return layer if isinstance(layer, str) else None
