"""What a Compose that was killed leaves behind while it makes a container anew.

For a while two containers are the same replica, and one of them has twelve digits in front of its name. V2
gives them to the new one until the old one is gone; V1 to the old one until the new one runs. An `up` that
comes later may keep such a name.
"""

import re
from collections.abc import Iterable

from dockrev.docker.engine import Engine
from dockrev.docker.inspect import ContainerDetail, Inspection
from dockrev.docker.lifecycle import Lifecycle
from dockrev.docker.snapshot import ContainerState

_REPLACES = "com.docker.compose.replace"
_PREFIXED = re.compile(r"(?P<digits>[0-9a-f]{12})_(?P<name>.+)")
_ENDED = frozenset({ContainerState.CREATED, ContainerState.EXITED, ContainerState.DEAD})


class Recreation:
    def __init__(self, engine: Engine) -> None:
        self._inspection = Inspection(engine)
        self._lifecycle = Lifecycle(engine)

    async def mend(self, project: str, service: str) -> tuple[str, ...]:
        """Leaves each replica once and under its own name; one that never started gives way to the other.

        Volumes stay. Returns what it did, in sentences for the log. Not while a Compose works on the project.
        """
        replicas = await self._inspection.containers_of(project, service)
        done: list[str] = []
        for one in replicas:
            if (name := _own_name(one)) is not None:
                done += await self._mend(one, name, _named(name, replicas))
        return tuple(done)

    async def _mend(self, one: ContainerDetail, name: str, twin: ContainerDetail | None) -> list[str]:
        if twin is None:
            return [await self._rename(one, name)]
        if one.started_at is None:
            return [await self._remove(one)]
        if twin.started_at is None:
            return [await self._remove(twin), await self._rename(one, name)]
        if one.state in _ENDED:
            return [await self._remove(one)]
        return []

    async def _rename(self, one: ContainerDetail, name: str) -> str:
        await self._lifecycle.rename(one.id, name)
        return f"Container {one.name} is {name} again."

    async def _remove(self, one: ContainerDetail) -> str:
        await self._lifecycle.remove(one.id)
        return f"Container {one.name} ({one.id[:12]}), left half made by Compose, was removed."


def _own_name(one: ContainerDetail) -> str | None:
    """None: it has it. A project may well be called `0123456789ab`, so digits alone prove nothing."""
    found = _PREFIXED.fullmatch(one.name)
    if found is None or not (_REPLACES in one.labels or one.id.startswith(found["digits"])):
        return None
    return found["name"]


def _named(name: str, replicas: Iterable[ContainerDetail]) -> ContainerDetail | None:
    return next((one for one in replicas if one.name == name), None)
