"""Stores the sections of the settings. All SQL for this table is here and in `key_check.py`."""

import asyncio
from datetime import datetime
from typing import Any

import structlog
from pydantic import ValidationError
from sqlalchemy import JSON, Column, String, Table, select, type_coerce
from sqlalchemy.ext.asyncio import AsyncConnection

from dockrev.clock import Clock
from dockrev.db.database import Database
from dockrev.db.schema import Moment, metadata
from dockrev.db.upsert import upsert
from dockrev.settings.cipher import SecretCipher
from dockrev.settings.key_check import KEY_CHECK, encrypted_text
from dockrev.settings.secret import DECRYPT, ENCRYPT
from dockrev.settings.section import AnySection, Section

log = structlog.get_logger()

settings = Table(
    "settings",
    metadata,
    Column("section", String, primary_key=True),
    Column("value", JSON, nullable=False),
    Column("updated_at", Moment, nullable=False),
    Column("updated_by", String, nullable=False),
)

_KNOWN_TEXT = "dockrev"


class SettingsStore:
    def __init__(self, database: Database, clock: Clock, cipher: SecretCipher) -> None:
        self._database = database
        self._clock = clock
        self._cipher = cipher

    async def check_key(self) -> None:
        """Call this at the start. Raises StorageError when the key does not fit the stored secrets."""
        query = select(settings.c.section, type_coerce(settings.c.value, String))
        async with self._database.read() as connection:
            rows = await connection.execute(query)
            token = encrypted_text({section: str(value) for section, value in rows})
        if token is not None:
            await asyncio.to_thread(self._cipher.decrypt, token)

    async def section(self, model: type[AnySection], connection: AsyncConnection | None = None) -> AnySection:
        """Returns the stored values, and defaults for missing ones. Unknown stored fields are ignored.

        Returns the defaults when nothing is stored or the stored section is invalid.
        `connection`: the transaction to read in, instead of one of its own.
        """
        try:
            stored = await self._stored(model.section_name, connection)
            if stored is None:
                return model()
            return model.model_validate(stored, context={DECRYPT: self._cipher.decrypt})
        except ValueError as error:  # not JSON, or not valid
            log.error(
                f"The stored {model.section_name} settings are invalid, so the defaults apply;"
                " save the settings again",
                action="settings.invalid",
                section=model.section_name,
                fields=_wrong_fields(error),
            )
            return model()

    async def save(self, *sections: Section, changed_by: str) -> None:
        """Saves all sections, or none when it raises an exception."""
        now = self._clock.now()
        rows = await asyncio.to_thread(self._rows, sections, now, changed_by)
        async with self._database.write() as connection:
            await upsert(connection, settings, rows)

    def _rows(self, sections: tuple[Section, ...], now: datetime, changed_by: str) -> list[dict[str, Any]]:
        """Runs in a thread, since the first secret creates the key file."""
        encrypted = []

        def encrypt(text: str) -> str:
            encrypted.append(self._cipher.encrypt(text))
            return encrypted[-1]

        values: dict[str, Any] = {
            section.section_name: section.model_dump(mode="json", by_alias=True, context={ENCRYPT: encrypt})
            for section in sections
        }
        if encrypted:
            values[KEY_CHECK] = self._cipher.encrypt(_KNOWN_TEXT)
        return [
            {"section": name, "value": value, "updated_at": now, "updated_by": changed_by}
            for name, value in values.items()
        ]

    async def _stored(self, name: str, connection: AsyncConnection | None = None) -> Any:
        """Returns None when the row does not exist. Raises ValueError when its value is not JSON."""
        query = select(settings.c.value).where(settings.c.section == name)
        if connection is not None:
            return await connection.scalar(query)
        async with self._database.read() as reader:
            return await reader.scalar(query)


def _wrong_fields(error: ValueError) -> list[str]:
    """Lists the names only, since the values may be secret."""
    if not isinstance(error, ValidationError):
        return []
    return sorted({".".join(str(part) for part in fault["loc"]) for fault in error.errors(include_url=False)})
