"""Starting, stopping and removing containers, and the helper containers that give access to a volume."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from urllib.parse import quote

from dockrev.docker.engine import Engine
from dockrev.docker.inspect import ContainerDetail, Inspection
from dockrev.docker.snapshot import ContainerState
from dockrev.errors import DockerConflict, DockerError, DockerNotFound, Json

HELPER = "dockrev.helper"
"""The label of containers of ours, so that those of a crash are found."""

_WORKING_SECONDS = 120.0
"""What an engine on a slow disk may take to start, kill or remove a container."""

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


class Lifecycle:
    """Each order ends with what it asks for, also when that is so already; DockerNotFound: no container."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._inspection = Inspection(engine)

    async def start(self, container_id: str) -> None:
        await self._order(container_id, "start")

    async def stop(self, container_id: str, grace_seconds: float | None = None) -> None:
        """None: the patience that the container is configured with. After it the engine kills."""
        await self._order_to_stop(container_id, "stop", grace_seconds)

    async def restart(self, container_id: str) -> None:
        """With the patience that the container is configured with."""
        await self._order_to_stop(container_id, "restart")

    async def stay_stopped(self, container_id: str) -> None:
        """An engine that is restarted starts it no more, whatever it is configured with."""
        await self.reconfigure(container_id, {"RestartPolicy": {"Name": "no"}})

    async def reconfigure(self, container_id: str, settings: Mapping[str, Json]) -> None:
        """As `docker update`; `settings` in the words of the Engine API, "ContainerUpdate"."""
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
        """`force` kills it first; one that is gone or about to go is fine. Named volumes stay."""
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
            with suppress(DockerNotFound):  # by somebody else, or by a request that was cut off
                await self.wait(container_id, _WORKING_SECONDS, until="removed")

    async def rename(self, container_id: str, name: str) -> None:
        """Raises DockerConflict when another container has the name."""
        await self._order(container_id, "rename", name=name)

    async def wait(self, container_id: str, timeout_seconds: float, *, until: str = "not-running") -> int:
        """The exit code, once it has one. `until`: a condition of the Engine API, "ContainerWait"."""
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
        """A container that sees the mounts, not started: files can be put in and taken out as it is.

        Without a command it cannot be started; with one it needs an image that has that program. It has no
        network and keeps what is in an empty volume empty.
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
        """With the volumes that the image made it have."""
        await self.remove(container_id, force=True, anonymous_volumes=True)

    async def helpers(self) -> tuple[ContainerDetail, ...]:
        return await self._inspection.labelled(f"{HELPER}=true")

    async def _unless(self, container_id: str, verb: str, wanted: frozenset[ContainerState]) -> None:
        """Engines refuse what is so already, each release with another status."""
        try:
            await self._order(container_id, verb)
        except DockerNotFound:
            raise
        except DockerError:
            if (await self._inspection.container(container_id)).state not in wanted:
                raise

    async def _order_to_stop(self, container_id: str, verb: str, grace_seconds: float | None = None) -> None:
        if grace_seconds is None:
            grace_seconds = (await self._inspection.container(container_id)).stop_timeout_seconds
        patience = _WORKING_SECONDS + max(grace_seconds, 0)
        await self._order(container_id, verb, t=str(int(grace_seconds)), patience_seconds=patience)

    async def _order(
        self, container_id: str, verb: str, *, patience_seconds: float = _WORKING_SECONDS, **params: str
    ) -> None:
        path = f"containers/{quote(container_id)}/{verb}"
        await self._engine.order("POST", path, params, timeout_seconds=patience_seconds)


def _mount(mount: HelperMount) -> dict[str, Any]:
    document: dict[str, Any] = {
        "Type": mount.type.value,
        "Source": mount.source,
        "Target": mount.target,
        "ReadOnly": mount.read_only,
    }
    if mount.type is MountType.VOLUME:
        document["VolumeOptions"] = {"NoCopy": True}  # else the image's files would fill an empty one
    return document
