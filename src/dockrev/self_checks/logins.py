"""Checks that the file with the registry logins can be read. The finding never shows a login."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from dockrev.clock import Clock
from dockrev.errors import RegistryError
from dockrev.registry.credentials import CredentialStore
from dockrev.self_checks.check import CheckFinding, fail, ok


async def check_logins(path: Path, clock: Clock) -> Sequence[CheckFinding]:
    try:
        hosts = await asyncio.to_thread(CredentialStore(path, clock).hosts)
    except RegistryError as error:
        return fail(f"{path}: {error.message}")
    if not hosts:
        return ok(f"none in {path}: registries are asked without a login")
    return ok(f"{path}: {', '.join(hosts)}")
