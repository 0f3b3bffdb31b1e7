"""Finds a stored text on which the secret key can be tried."""

import sqlite3
from collections.abc import Mapping
from contextlib import closing, suppress
from pathlib import Path

import orjson

from dockrev.db import migrate
from dockrev.db.database import storage_errors
from dockrev.errors import StorageError
from dockrev.settings.secret import encrypted_in

KEY_CHECK = "secret_key_check"
"""The row with an encrypted known text, which shows whether a key is right. The first secret adds the row."""

_LOCK_TIMEOUT_SECONDS = 1.0


def encrypted_text(stored: Mapping[str, str]) -> str | None:
    """The text of the check, or else a secret of any section; None when no secret is stored.

    `stored` has the JSON of each row by its section. Raises StorageError when the check is damaged.
    """
    try:
        token = orjson.loads(stored.get(KEY_CHECK, "null"))
    except ValueError:
        token = False
    if token is None:
        return _any_secret(stored)
    if not isinstance(token, str):
        raise StorageError(
            f"the row {KEY_CHECK} of the table settings is damaged;"
            " delete this row, or restore the database from a copy"
        )
    return token


def read_stored(path: Path) -> dict[str, str]:
    """Reads the rows of a database file. Changes nothing and does not disturb a server that uses the file."""
    with storage_errors(path):
        if migrate.revision(path) is None:
            return {}
        uri = f"{path.absolute().as_uri()}?mode=ro"
        with closing(sqlite3.connect(uri, uri=True, timeout=_LOCK_TIMEOUT_SECONDS)) as connection:
            rows = connection.execute("SELECT section, value FROM settings").fetchall()
    return {section: str(value) for section, value in rows}


def _any_secret(stored: Mapping[str, str]) -> str | None:
    for value in stored.values():
        with suppress(ValueError):  # not JSON; `SettingsStore.section` reports it
            if tokens := encrypted_in(orjson.loads(value)):
                return tokens[0]
    return None
