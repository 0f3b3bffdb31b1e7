"""Checks that the secret key fits the secrets in the database. It never creates a key."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from dockrev.errors import StorageError
from dockrev.self_checks.check import CheckFinding, ok
from dockrev.settings.cipher import SecretCipher
from dockrev.settings.key_check import encrypted_text, read_stored


async def check_secret_key(path: Path, cipher: SecretCipher) -> Sequence[CheckFinding]:
    try:
        stored = await asyncio.to_thread(read_stored, path)
    except StorageError:
        return ()  # the check of the database reports this fault
    token = encrypted_text(stored)
    if token is None:
        return ok("not needed: the database has no secrets")
    await asyncio.to_thread(cipher.decrypt, token)
    return ok("fits the secrets in the database")
