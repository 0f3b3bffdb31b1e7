"""Lists, inspects, starts, stops and removes the containers of an engine (Engine API, "Container").

It also creates helper containers, which give access to the data of a volume.
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
"""The label of our helper containers. After a crash Dockrev finds and removes them by it."""

_COMMAND_SECONDS = 120.0
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
    """Methods take the id or the name of a container. They raise DockerNotFound when it does not exist.

    A command succeeds when the container is already in the requested state.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def inspect(self, container_id: str) -> ContainerDetail:
        return await self._engine.ask(f"containers/{quote(container_id)}/json", ContainerDetail.parse)

    async def running(self) -> tuple[Container, ...]:
        """All running and paused containers of the engine, sorted by name. One request."""
        return await self._engine.ask("containers/json", _parse)

    async def all(self) -> tuple[Container, ...]:
        """All containers of the engine, stopped ones included, sorted by name. One request."""
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
        """The engine kills the container after the grace period. None: the container's own grace period."""
        await self._order_to_stop(container_id, "stop", grace_seconds)

    async def restart(self, container_id: str) -> None:
        """Uses the container's own grace period."""
        await self._order_to_stop(container_id, "restart")

    async def disable_restart(self, container_id: str) -> None:
        """The engine no longer starts the container by itself, for example after a restart of the engine."""
        await self.update(container_id, {"RestartPolicy": {"Name": "no"}})

    async def update(self, container_id: str, settings: Mapping[str, Json]) -> None:
        """Like `docker update`. `settings` has the names of the Engine API, "ContainerUpdate"."""
        await self._engine.order(
            "POST",
            f"containers/{quote(container_id)}/update",
            document=settings,
            timeout_seconds=_COMMAND_SECONDS,
        )

    async def pause(self, container_id: str) -> None:
        await self._order_unless(container_id, "pause", _PAUSED)

    async def unpause(self, container_id: str) -> None:
        await self._order_unless(container_id, "unpause", frozenset(ContainerState) - _PAUSED)

    async def remove(
        self, container_id: str, *, force: bool = False, anonymous_volumes: bool = False
    ) -> None:
        """`force` kills the container first. Succeeds when it is already gone. Named volumes stay."""
        query = {name: "1" for name, is_set in (("force", force), ("v", anonymous_volumes)) if is_set}
        try:
            await self._engine.order(
                "DELETE", f"containers/{quote(container_id)}", query, timeout_seconds=_COMMAND_SECONDS
            )
        except DockerNotFound:
            return
        except DockerConflict as error:
            if "already in progress" not in error.message:
                raise
            # Another client, or an earlier request of ours that was cut off, is removing it.
            with suppress(DockerNotFound):
                await self.wait(container_id, _COMMAND_SECONDS, until="removed")

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
        """Creates a container with these mounts, does not start it, and returns its id.

        The engine copies files in and out of a stopped container. It can be started only with a command, and
        the image must contain that program. The helper has no network. An empty volume stays empty.
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
            timeout_seconds=_COMMAND_SECONDS,
        )
        return str(answer["Id"])

    async def remove_helper(self, container_id: str) -> None:
        """Also removes the anonymous volumes that its image declares."""
        await self.remove(container_id, force=True, anonymous_volumes=True)

    async def helpers(self) -> tuple[ContainerDetail, ...]:
        return await self.with_labels(f"{HELPER}=true")

    async def _details(self, query: Mapping[str, str] | None = None) -> list[ContainerDetail]:
        details = []
        for container_id in await self._engine.ask("containers/json", _ids, query):
            with suppress(DockerNotFound):  # removed after it was listed
                details.append(await self.inspect(container_id))
        return details

    async def _order_unless(self, container_id: str, verb: str, done: frozenset[ContainerState]) -> None:
        """Sends the command, and ignores a refusal when the container is in one of the states `done`.

        Engines refuse a command whose state is already reached. The status differs between releases.
        """
        try:
            await self._order(container_id, verb)
        except DockerNotFound:
            raise
        except DockerError:
            if (await self.inspect(container_id)).state not in done:
                raise

    async def _order_to_stop(self, container_id: str, verb: str, grace_seconds: float | None = None) -> None:
        if grace_seconds is None:
            grace_seconds = (await self.inspect(container_id)).stop_timeout_seconds
        timeout = _COMMAND_SECONDS + max(grace_seconds, 0)
        await self._order(container_id, verb, t=str(int(grace_seconds)), timeout_seconds=timeout)

    async def _order(
        self, container_id: str, verb: str, *, timeout_seconds: float = _COMMAND_SECONDS, **params: str
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
        document["VolumeOptions"] = {"NoCopy": True}  # otherwise the engine copies the image's files in
    return document
