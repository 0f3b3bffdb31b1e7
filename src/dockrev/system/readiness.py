"""Whether Dockrev can do its work, asked anew each time."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from dockrev.db.database import Database
from dockrev.errors import AppError

_PATIENCE_SECONDS = 3.0

Probe = Callable[[], Awaitable[str]]
"""Answers what it found, in words; raises AppError when the part does not work."""


@dataclass(frozen=True, slots=True)
class Finding:
    part: str
    ok: bool
    detail: str


class Readiness:
    def __init__(self, probes: Mapping[str, Probe]) -> None:
        self._probes = probes

    async def ask(self) -> list[Finding]:
        """All parts at once; one that does not answer in time counts as not working."""
        asked = (_ask(part, probe) for part, probe in self._probes.items())
        return list(await asyncio.gather(*asked))


async def _ask(part: str, probe: Probe) -> Finding:
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            return Finding(part, True, await probe())
    except AppError as error:
        return Finding(part, False, error.message)
    except TimeoutError:
        return Finding(part, False, f"no answer within {_PATIENCE_SECONDS:g} seconds")


def database_probe(database: Database) -> Probe:
    async def probe() -> str:
        await database.try_writing()
        return f"{database.path} is writable"

    return probe
