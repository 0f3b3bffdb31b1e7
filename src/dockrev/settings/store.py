"""Stores the sections of the settings. All SQL for this table is here."""

import asyncio
from contextlib import suppress
from datetime import datetime
from typing import Any

import structlog
from pydantic import ValidationError
from sqlalchemy import JSON, Column, String, Table, select
from sqlalchemy.ext.asyncio import AsyncConnection

from dockrev.clock import Clock
from dockrev.db.database import Database
from dockrev.db.schema import Moment, metadata
from dockrev.db.upsert import upsert
from dockrev.errors import StorageError
from dockrev.settings.cipher import SecretCipher
from dockrev.settings.secret import DECRYPT, ENCRYPT, encrypted_in
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

_KEY_CHECK = "secret_key_check"
"""The row with an encrypted known text, which shows whether a key is right. The first secret adds the row."""

_KNOWN_TEXT = "dockrev"


class SettingsStore:
    def __init__(self, database: Database, clock: Clock, cipher: SecretCipher) -> None:
        self._database = database
        self._clock = clock
        self._cipher = cipher

    async def check_key(self) -> None:
        """Call this at the start. Raises StorageError when the key does not fit the stored secrets."""
        try:
            token = await self._stored(_KEY_CHECK)
            if token is None:
                token = await self._any_encrypted()
        except ValueError:
            raise StorageError(
                f"database {self._database.path}: the row {_KEY_CHECK} of the table settings is damaged;"
                " delete this row, or restore the database from a copy"
            ) from None
        if token is not None:
            await asyncio.to_thread(self._cipher.decrypt, str(token))

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
            values[_KEY_CHECK] = self._cipher.encrypt(_KNOWN_TEXT)
        return [
            {"section": name, "value": value, "updated_at": now, "updated_by": changed_by}
            for name, value in values.items()
        ]

    async def _any_encrypted(self) -> str | None:
        """A secret of any section; None when none is stored."""
        async with self._database.read() as connection:
            names = (await connection.scalars(select(settings.c.section))).all()
        for name in names:
            with suppress(ValueError):  # `section` reports it
                if tokens := encrypted_in(await self._stored(name)):
                    return tokens[0]
        return None

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
