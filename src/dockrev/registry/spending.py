"""How many requests each host was sent, by the hour, kept across restarts by a store outside."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

_HOUR = timedelta(hours=1)
_KEPT = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Spend:
    """The requests sent to `host` in the hour that begins at `hour`."""

    host: str
    hour: datetime
    requests: int


class SpendLog(Protocol):
    """Where the counts survive a restart."""

    async def load(self, since: datetime) -> Sequence[Spend]:
        """All counts of hours that begin at `since` or later."""
        ...

    async def save(self, spends: Sequence[Spend]) -> None:
        """Replaces the counts of these hosts and hours. Those of older days are never asked for again."""
        ...


class Spending:
    """Counts in memory; `flush` writes what changed since the last one."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, datetime], int] = {}
        self._unsaved: set[tuple[str, datetime]] = set()

    def add(self, host: str, at: datetime) -> None:
        key = (host, _hour_of(at))
        if key not in self._counts:
            self._drop_before(_first_hour(at))
        self._counts[key] = self._counts.get(key, 0) + 1
        self._unsaved.add(key)

    def last_24h(self, now: datetime) -> dict[str, int]:
        """By host, in this hour and the 23 before it."""
        totals: dict[str, int] = {}
        for (host, hour), requests in self._counts.items():
            if hour >= _first_hour(now):
                totals[host] = totals.get(host, 0) + requests
        return totals

    async def restore(self, log: SpendLog, now: datetime) -> None:
        """Adds what an earlier process counted; to be called once."""
        for spend in await log.load(_first_hour(now)):
            key = (spend.host, spend.hour)
            self._counts[key] = self._counts.get(key, 0) + spend.requests

    async def flush(self, log: SpendLog) -> None:
        """What cannot be saved is saved with the next flush."""
        keys = self._unsaved & self._counts.keys()
        if not keys:
            return
        spends = [Spend(host, hour, self._counts[host, hour]) for host, hour in sorted(keys)]
        await log.save(spends)
        self._unsaved -= {
            key
            for key, spend in zip(sorted(keys), spends, strict=True)
            if self._counts.get(key) == spend.requests
        }

    def _drop_before(self, first: datetime) -> None:
        for key in [key for key in self._counts if key[1] < first]:
            del self._counts[key]
            self._unsaved.discard(key)


def _hour_of(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)


def _first_hour(now: datetime) -> datetime:
    return _hour_of(now) - _KEPT + _HOUR
