"""Counts the requests to each host, hour by hour. A separate store keeps the counts over restarts."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

_HOUR = timedelta(hours=1)
_KEPT = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class HourlyRequests:
    """The number of requests to `host` in the hour that starts at `hour`."""

    host: str
    hour: datetime
    requests: int


class RequestCounter:
    """Counts in memory. A store saves what `unsaved` returns, then calls `mark_saved` with it."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, datetime], int] = {}
        self._unsaved: set[tuple[str, datetime]] = set()

    def add(self, host: str, at: datetime) -> None:
        key = (host, _hour_of(at))
        if key not in self._counts:
            self._drop_before(first_hour(at))
        self._counts[key] = self._counts.get(key, 0) + 1
        self._unsaved.add(key)

    def last_24h(self, now: datetime) -> dict[str, int]:
        """By host, in this hour and the 23 before it."""
        totals: dict[str, int] = {}
        for (host, hour), requests in self._counts.items():
            if hour >= first_hour(now):
                totals[host] = totals.get(host, 0) + requests
        return totals

    def restore(self, counts: Iterable[HourlyRequests]) -> None:
        """Adds what an earlier process counted. Call it once."""
        for count in counts:
            key = (count.host, count.hour)
            self._counts[key] = self._counts.get(key, 0) + count.requests

    def unsaved(self) -> list[HourlyRequests]:
        """The counts that changed since they were saved."""
        keys = sorted(self._unsaved & self._counts.keys())
        return [HourlyRequests(host, hour, self._counts[host, hour]) for host, hour in keys]

    def mark_saved(self, counts: Sequence[HourlyRequests]) -> None:
        """A count that grew in the meantime stays unsaved."""
        for count in counts:
            if self._counts.get((count.host, count.hour)) == count.requests:
                self._unsaved.discard((count.host, count.hour))

    def _drop_before(self, first: datetime) -> None:
        for key in [key for key in self._counts if key[1] < first]:
            del self._counts[key]
            self._unsaved.discard(key)


def first_hour(now: datetime) -> datetime:
    """The first of the 24 hours that end with the current one."""
    return _hour_of(now) - _KEPT + _HOUR


def _hour_of(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)
