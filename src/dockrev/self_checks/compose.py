"""Checks that the Compose CLI runs, and warns about Compose V1."""

from collections.abc import Sequence

from dockrev.compose.cli import Compose
from dockrev.config.shared import DockerConfig
from dockrev.self_checks.check import CheckFinding, ok, warn


async def check_compose(config: DockerConfig) -> Sequence[CheckFinding]:
    compose = await Compose.find(config)
    text = f"{compose.version} ({' '.join(compose.command)})"
    if compose.major < 2:
        return warn(
            f"{text}: Compose V1 works, but cannot read all current compose files; install Compose V2"
        )
    return ok(text)
