"""The checks of `dockrev doctor`. They work without a server and while one runs."""

from collections.abc import AsyncIterator, Sequence
from functools import partial

from dockrev.clock import Clock
from dockrev.config.server import Config
from dockrev.docker.engine import Engine
from dockrev.self_checks.access import check_access
from dockrev.self_checks.authorities import check_authorities
from dockrev.self_checks.check import CheckFinding, SelfCheck, ok, run_check
from dockrev.self_checks.compose import check_compose
from dockrev.self_checks.configuration import check_configuration
from dockrev.self_checks.database import check_database_file
from dockrev.self_checks.engine import check_engine
from dockrev.self_checks.logins import check_logins
from dockrev.self_checks.projects import check_projects
from dockrev.self_checks.secret_key import check_secret_key
from dockrev.settings.cipher import SecretCipher


async def doctor(config: Config, clock: Clock) -> AsyncIterator[tuple[str, CheckFinding]]:
    """Yields each finding with the id of its check, as soon as the check ends."""
    async with Engine.open(config.docker) as engine:
        for check_id, check in _checks(config, clock, engine):
            for finding in await run_check(check):
                yield check_id, finding


def _checks(config: Config, clock: Clock, engine: Engine) -> Sequence[tuple[str, SelfCheck]]:
    async def version() -> Sequence[CheckFinding]:
        return ok(config.version)

    cipher = SecretCipher(config.secret_key, config.secret_key_file)
    return (
        ("version", version),
        ("configuration", partial(check_configuration, config)),
        ("engine", partial(check_engine, engine, config.docker.host)),
        ("projects", partial(check_projects, engine)),
        ("compose", partial(check_compose, config.docker)),
        ("database", partial(check_database_file, config.db_path)),
        ("secret-key", partial(check_secret_key, config.db_path, cipher)),
        ("logins", partial(check_logins, config.registry.credentials_file, clock)),
        ("authorities", partial(check_authorities, config.registry.ca_file)),
        ("access", partial(check_access, config.auth)),
    )
