"""Can the Compose CLI be run, and is it a current one?"""

from collections.abc import Sequence

from dockrev.compose.cli import Compose
from dockrev.config.shared import DockerConfig
from dockrev.self_checks.check import CheckFinding, ok, warn


async def check_compose(config: DockerConfig) -> Sequence[CheckFinding]:
    compose = await Compose.find(config)
    text = f"{compose.version} ({' '.join(compose.command)})"
    if compose.major < 2:
        return warn(f"{text}: works; Compose V2 reads more of today's files")
    return ok(text)
