"""Shows the warnings of the configuration."""

from collections.abc import Sequence

from dockrev.config.server import Config
from dockrev.self_checks.check import CheckFinding, CheckStatus


async def check_configuration(config: Config) -> Sequence[CheckFinding]:
    return [CheckFinding(CheckStatus.WARN, warning) for warning in config.warnings]
