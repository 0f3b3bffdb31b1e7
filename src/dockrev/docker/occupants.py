"""Which containers there are, of whatever project, in one call."""

from collections.abc import Mapping
from typing import Any

from dockrev.docker.engine import Engine
from dockrev.docker.snapshot import Container

_STOPPED_TOO: Mapping[str, str] = {"all": "1"}


async def occupants(engine: Engine, *, stopped_too: bool = False) -> tuple[Container, ...]:
    """Those that run or are paused, by name."""
    return await engine.ask("containers/json", _parse, _STOPPED_TOO if stopped_too else None)


def _parse(answer: Any) -> tuple[Container, ...]:
    return tuple(sorted((Container.from_list(entry) for entry in answer), key=lambda one: one.name))
