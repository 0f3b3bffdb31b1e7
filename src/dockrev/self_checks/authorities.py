"""Checks that the file of additional certificate authorities contains certificates."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from dockrev.http.client import tls_context
from dockrev.self_checks.check import CheckFinding, fail, ok


async def check_authorities(ca_file: Path | None) -> Sequence[CheckFinding]:
    if ca_file is None:
        return ()
    try:
        await asyncio.to_thread(tls_context, ca_file)
    except OSError:  # ssl.SSLError is one
        return fail(f"no certificates in {ca_file} (DOCKREV_REGISTRY_CA_FILE)")
    return ok(f"{ca_file}, in addition to the machine's own")
