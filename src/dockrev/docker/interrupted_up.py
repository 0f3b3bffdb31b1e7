"""Repairs the containers of a service after Compose was killed while it recreated one of them.

While Compose recreates a container, two containers are the same replica, and one of them has twelve
hexadecimal digits in front of its name. V2 gives this prefix to the new container until the old one is
removed. V1 gives it to the old one until the new one runs. A later `compose up` may never rename it.
"""

import re
from collections.abc import Iterable

from dockrev.docker.containers import Containers
from dockrev.docker.inspect import ContainerDetail
from dockrev.docker.snapshot import ContainerState

_REPLACES = "com.docker.compose.replace"
_PREFIXED = re.compile(r"(?P<digits>[0-9a-f]{12})_(?P<name>.+)")
_ENDED = frozenset({ContainerState.CREATED, ContainerState.EXITED, ContainerState.DEAD})


async def repair(containers: Containers, project: str, service: str) -> tuple[str, ...]:
    """Leaves one container per replica, under its own name, and removes one that never started.

    Volumes stay. Returns sentences for the log. Do not call it while Compose works on the project.
    """
    replicas = await containers.of_service(project, service)
    sentences: list[str] = []
    for container in replicas:
        if (name := _own_name(container)) is not None:
            sentences += await _repair(containers, container, name, _with_name(name, replicas))
    return tuple(sentences)


async def _repair(
    containers: Containers, prefixed: ContainerDetail, name: str, twin: ContainerDetail | None
) -> list[str]:
    if twin is None:
        return [await _rename(containers, prefixed, name)]
    if prefixed.started_at is None:
        return [await _remove(containers, prefixed)]
    if twin.started_at is None:
        return [await _remove(containers, twin), await _rename(containers, prefixed, name)]
    if prefixed.state in _ENDED:
        return [await _remove(containers, prefixed)]
    return []


async def _rename(containers: Containers, container: ContainerDetail, name: str) -> str:
    await containers.rename(container.id, name)
    return f"Container {container.name} has its name {name} again."


async def _remove(containers: Containers, container: ContainerDetail) -> str:
    await containers.remove(container.id)
    return f"Container {container.name} ({container.id[:12]}), which Compose did not finish, was removed."


def _own_name(container: ContainerDetail) -> str | None:
    """The name without the prefix; None when it has no prefix.

    A project may be called `0123456789ab`, so twelve digits in front of a name alone prove nothing.
    """
    match = _PREFIXED.fullmatch(container.name)
    if match is None or not (_REPLACES in container.labels or container.id.startswith(match["digits"])):
        return None
    return match["name"]


def _with_name(name: str, replicas: Iterable[ContainerDetail]) -> ContainerDetail | None:
    return next((container for container in replicas if container.name == name), None)
