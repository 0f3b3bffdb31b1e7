"""Checks who can use the API."""

from collections.abc import Sequence

from dockrev.config.shared import AuthConfig
from dockrev.self_checks.check import CheckFinding, fail, ok, warn


async def check_access(auth: AuthConfig) -> Sequence[CheckFinding]:
    if auth.allowed_user or auth.allowed_group:
        if auth.trusted_proxies is None:
            return warn("identity headers of every peer are trusted; set DOCKREV_TRUSTED_PROXIES")
        return ok("limited to the configured user or group")
    if auth.allow_anonymous:
        return warn(
            "everybody who reaches the port is let in;"
            " set DOCKREV_AUTH_ALLOWED_USER or DOCKREV_AUTH_ALLOWED_GROUP"
        )
    return fail("nobody is let in: set DOCKREV_AUTH_ALLOWED_USER or DOCKREV_AUTH_ALLOWED_GROUP")
