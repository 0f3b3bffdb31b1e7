"""A journal in memory. It outlives a replacement that a test stops, so tests can simulate a crash with it."""

from collections.abc import Mapping
from enum import StrEnum

from dockrev.replacement.ports import Facts


class KillPoint(StrEnum):
    BEFORE_WRITE = "before_write"
    """The work is done, and the journal has no entry of it."""
    AFTER_WRITE = "after_write"
    """The journal has the entry, and no event has reported it."""


class Killed(BaseException):
    """Simulates the end of the process. As a BaseException it passes every error handler."""


class MemoryJournal:
    """Raises Killed at the write with the number `die_at`, counted from 1. None: never."""

    def __init__(self, die_at: int | None = None, kill_point: KillPoint = KillPoint.AFTER_WRITE) -> None:
        self.die_at = die_at
        self.writes = 0
        self._kill_point = kill_point
        self._entries: dict[str, dict[str, Facts]] = {}

    async def read(self, subject: str) -> Mapping[str, Facts]:
        return dict(self._entries.get(subject, {}))

    async def write(self, subject: str, entry: str, facts: Facts) -> None:
        self.writes += 1
        dies = self.writes == self.die_at
        if dies and self._kill_point is KillPoint.BEFORE_WRITE:
            raise Killed
        self._entries.setdefault(subject, {})[entry] = facts
        if dies:
            raise Killed
