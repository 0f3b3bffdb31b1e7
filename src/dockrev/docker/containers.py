"""The containers of an engine: listed, inspected, started, stopped and removed (Engine API, "Container").

Helper containers, which give access to the data of a volume, are made here too.
"""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from urllib.parse import quote

from dockrev.docker import labels as compose_labels
from dockrev.docker.engine import Engine
from dockrev.docker.inspect import ContainerDetail
from dockrev.docker.snapshot import Container, ContainerState
from dockrev.errors import DockerConflict, DockerError, DockerNotFound, Json

HELPER = "dockrev.helper"
"""The label of our helper containers. After a crash they are found by it."""

_WORKING_SECONDS = 120.0
"""How long an engine on a slow disk may take to start, kill or remove a container."""

_PAUSED = frozenset({ContainerState.PAUSED})


class MountType(StrEnum):
    VOLUME = "volume"
    BIND = "bind"


@dataclass(frozen=True, slots=True)
class HelperMount:
    type: MountType
    source: str
    """The name of a volume, or a path on the engine's host that exists."""
    target: str
    read_only: bool = False


class Containers:
    """A container is named by its id or its name; where there is none, DockerNotFound is raised.

    Each command succeeds also when the container is already in the state that it asks for.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def inspect(self, container_id: str) -> ContainerDetail:
        return await self._engine.ask(f"containers/{quote(container_id)}/json", ContainerDetail.parse)

    async def running(self) -> tuple[Container, ...]:
        """Those that run or are paused, of every project, sorted by name. One request."""
        return await self._engine.ask("containers/json", _parse)

    async def all(self) -> tuple[Container, ...]:
        """Stopped ones too, of every project, sorted by name. One request."""
        return await self._engine.ask("containers/json", _parse, {"all": "1"})

    async def of_service(self, project: str, service: str) -> tuple[ContainerDetail, ...]:
        """All replicas in any state, sorted by number, without one-off containers."""
        labels = [f"{compose_labels.PROJECT}={project}", f"{compose_labels.SERVICE}={service}"]
        return await self.with_labels(*labels)

    async def with_labels(self, *labels: str) -> tuple[ContainerDetail, ...]:
        """Containers that have all of these labels, each `name` or `name=value`; no one-off containers."""
        query = {"all": "1", "filters": json.dumps({"label": labels})}
        details = await self._details(query)
        replicas = (container for container in details if not container.oneoff)
        return tuple(sorted(replicas, key=lambda container: (container.number or 0, container.name)))

    async def start(self, container_id: str) -> None:
        await self._order(container_id, "start")

    async def stop(self, container_id: str, grace_seconds: float | None = None) -> None:
        """After the grace period the engine kills it. None: the container's own grace period."""
        await self._order_to_stop(container_id, "stop", grace_seconds)

    async def restart(self, container_id: str) -> None:
        """With the container's own grace period."""
        await self._order_to_stop(container_id, "restart")

    async def disable_restart(self, container_id: str) -> None:
        """From now on the engine does not start it by itself, for example after its own restart."""
        await self.update(container_id, {"RestartPolicy": {"Name": "no"}})

    async def update(self, container_id: str, settings: Mapping[str, Json]) -> None:
        """Like `docker update`. `settings` has the names of the Engine API, "ContainerUpdate"."""
        await self._engine.order(
            "POST",
            f"containers/{quote(container_id)}/update",
            document=settings,
            timeout_seconds=_WORKING_SECONDS,
        )

    async def pause(self, container_id: str) -> None:
        await self._unless(container_id, "pause", _PAUSED)

    async def unpause(self, container_id: str) -> None:
        await self._unless(container_id, "unpause", frozenset(ContainerState) - _PAUSED)

    async def remove(
        self, container_id: str, *, force: bool = False, anonymous_volumes: bool = False
    ) -> None:
        """`force` kills it first. A container that is gone or being removed is fine. Named volumes stay."""
        query = {name: "1" for name, wanted in (("force", force), ("v", anonymous_volumes)) if wanted}
        try:
            await self._engine.order(
                "DELETE", f"containers/{quote(container_id)}", query, timeout_seconds=_WORKING_SECONDS
            )
        except DockerNotFound:
            return
        except DockerConflict as error:
            if "already in progress" not in error.message:
                raise
            # Another client removes it, or an earlier request of ours that was cut off.
            with suppress(DockerNotFound):
                await self.wait(container_id, _WORKING_SECONDS, until="removed")

    async def rename(self, container_id: str, name: str) -> None:
        """Raises DockerConflict when another container has the name."""
        await self._order(container_id, "rename", name=name)

    async def wait(self, container_id: str, timeout_seconds: float, *, until: str = "not-running") -> int:
        """Returns the exit code. `until` is a condition of the Engine API, "ContainerWait"."""
        answer = await self._engine.order(
            "POST",
            f"containers/{quote(container_id)}/wait",
            {"condition": until},
            timeout_seconds=timeout_seconds,
        )
        return int(answer["StatusCode"])

    async def create_helper(
        self, image_id: str, mounts: Sequence[HelperMount], command: Sequence[str] = ()
    ) -> str:
        """Creates a container that has the mounts, and returns its id. It is not started.

        Files can be copied in and out while it is stopped. Without a command it cannot be started; with one,
        the image has to contain that program. It has no network, and an empty volume stays empty.
        """
        answer = await self._engine.order(
            "POST",
            "containers/create",
            document={
                "Image": image_id,
                "Entrypoint": [command[0] if command else "/dockrev-helper"],
                "Cmd": list(command[1:]),
                "User": "0:0",
                "Labels": {HELPER: "true"},
                "Healthcheck": {"Test": ["NONE"]},
                "HostConfig": {"NetworkMode": "none", "Mounts": [_mount(mount) for mount in mounts]},
            },
            timeout_seconds=_WORKING_SECONDS,
        )
        return str(answer["Id"])

    async def remove_helper(self, container_id: str) -> None:
        """Together with the anonymous volumes that its image declares."""
        await self.remove(container_id, force=True, anonymous_volumes=True)

    async def helpers(self) -> tuple[ContainerDetail, ...]:
        return await self.with_labels(f"{HELPER}=true")

    async def _details(self, query: Mapping[str, str] | None = None) -> list[ContainerDetail]:
        found = []
        for container_id in await self._engine.ask("containers/json", _ids, query):
            with suppress(DockerNotFound):  # removed since it was listed
                found.append(await self.inspect(container_id))
        return found

    async def _unless(self, container_id: str, verb: str, wanted: frozenset[ContainerState]) -> None:
        """Engines refuse a command whose state is reached already, each release with another status."""
        try:
            await self._order(container_id, verb)
        except DockerNotFound:
            raise
        except DockerError:
            if (await self.inspect(container_id)).state not in wanted:
                raise

    async def _order_to_stop(self, container_id: str, verb: str, grace_seconds: float | None = None) -> None:
        if grace_seconds is None:
            grace_seconds = (await self.inspect(container_id)).stop_timeout_seconds
        timeout = _WORKING_SECONDS + max(grace_seconds, 0)
        await self._order(container_id, verb, t=str(int(grace_seconds)), timeout_seconds=timeout)

    async def _order(
        self, container_id: str, verb: str, *, timeout_seconds: float = _WORKING_SECONDS, **params: str
    ) -> None:
        path = f"containers/{quote(container_id)}/{verb}"
        await self._engine.order("POST", path, params, timeout_seconds=timeout_seconds)


def _parse(answer: Any) -> tuple[Container, ...]:
    containers = (Container.from_list(entry) for entry in answer)
    return tuple(sorted(containers, key=lambda container: container.name))


def _ids(entries: Any) -> tuple[str, ...]:
    return tuple(str(entry["Id"]) for entry in entries)


def _mount(mount: HelperMount) -> dict[str, Any]:
    document: dict[str, Any] = {
        "Type": mount.type.value,
        "Source": mount.source,
        "Target": mount.target,
        "ReadOnly": mount.read_only,
    }
    if mount.type is MountType.VOLUME:
        document["VolumeOptions"] = {"NoCopy": True}  # else the engine copies the image's files into it
    return document
