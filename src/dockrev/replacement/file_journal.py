"""A journal in one JSON file, for a process without a database."""

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from dockrev.errors import StorageError
from dockrev.replacement.facts import UnreadableJournal
from dockrev.replacement.ports import Facts

FORMAT = 1


class FileJournal:
    """Every write replaces the whole file, so the file is always complete. Only one process may write it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._writing = asyncio.Lock()

    async def read(self, subject: str) -> Mapping[str, Facts]:
        """Raises StorageError, or UnreadableJournal when the file is damaged or a newer release wrote it."""
        return (await asyncio.to_thread(self._load)).get(subject, {})

    async def write(self, subject: str, entry: str, facts: Facts) -> None:
        async with self._writing:
            await asyncio.to_thread(self._write, subject, entry, facts)

    def _write(self, subject: str, entry: str, facts: Facts) -> None:
        subjects = self._load()
        subjects.setdefault(subject, {})[entry] = facts
        document = msgspec.json.encode({"format": FORMAT, "subjects": subjects})
        draft = self._path.with_name(f"{self._path.name}.new")
        try:
            with draft.open("wb") as file:
                file.write(document)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(self._path)
            _sync_directory(self._path.parent)
        except OSError as error:
            raise StorageError(f"the journal {self._path} cannot be written: {error.strerror}") from error

    def _load(self) -> dict[str, dict[str, Facts]]:
        try:
            content = self._path.read_bytes()
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise StorageError(f"the journal {self._path} cannot be read: {error.strerror}") from error
        try:
            document: Any = msgspec.json.decode(content)
            if document["format"] != FORMAT:
                raise UnreadableJournal(
                    f"the journal {self._path} has format {document['format']}; this release reads {FORMAT}"
                )
            subjects: dict[str, dict[str, Facts]] = document["subjects"]
        except (msgspec.DecodeError, KeyError, TypeError) as error:
            raise UnreadableJournal(f"the journal {self._path} is damaged: {error}") from error
        return subjects


def _sync_directory(directory: Path) -> None:
    """Makes the rename survive a power cut."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
