"""Checks that the Docker engine answers."""

from collections.abc import Sequence

from dockrev.docker.engine import Engine
from dockrev.self_checks.check import CheckFinding, ok


async def check_engine(engine: Engine, address: str) -> Sequence[CheckFinding]:
    info = await engine.describe()
    return ok(f"{info.name} {info.version}, API {info.api_version}, {info.platform}, at {address}")
