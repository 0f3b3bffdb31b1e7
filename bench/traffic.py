"""Exact counts of the requests to a registry."""

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Kind(StrEnum):
    PING = "ping"
    TOKEN = "token"
    TAGS = "tags"
    HEAD_TAG = "HEAD-tag"
    HEAD_DIGEST = "HEAD-digest"
    GET_TAG = "GET-tag"
    GET_DIGEST = "GET-digest"
    BLOB = "blob"
    OTHER = "other"


MANIFEST_GETS = (Kind.GET_TAG, Kind.GET_DIGEST)


@dataclass(frozen=True, slots=True)
class TrafficReport:
    answers: Mapping[Kind, Mapping[int, int]]
    """The number of answers by kind of request and status."""
    connections: int
    abandoned: int
    """The number of connections that closed before their answer."""
    peak_in_flight: int
    bytes_sent: int
    span_ms: float
    """The time from the arrival of the first request to the last answer."""

    @property
    def requests(self) -> int:
        return sum(self.count(kind) for kind in self.answers)

    def count(self, *kinds: Kind) -> int:
        return sum(sum(self.answers.get(kind, {}).values()) for kind in kinds)

    def status(self, status: int) -> int:
        return sum(statuses.get(status, 0) for statuses in self.answers.values())

    @property
    def counted_pulls(self) -> int:
        """The manifest GETs that a pull quota counts: those with an answer."""
        return sum(
            number
            for kind in MANIFEST_GETS
            for status, number in self.answers.get(kind, {}).items()
            if status in (200, 304)
        )


@dataclass(slots=True)
class Traffic:
    now: Callable[[], float] = time.perf_counter
    answers: Counter[tuple[Kind, int]] = field(default_factory=Counter)
    connections: int = 0
    abandoned: int = 0
    peak_in_flight: int = 0
    bytes_sent: int = 0
    _in_flight: int = 0
    _first: float | None = None
    _last: float = 0.0

    def arrived(self, *, on_new_connection: bool) -> None:
        self.connections += on_new_connection
        self._in_flight += 1
        self.peak_in_flight = max(self.peak_in_flight, self._in_flight)
        if self._first is None:
            self._first = self.now()

    def answered(self, kind: Kind, status: int, size: int) -> None:
        self._in_flight -= 1
        self.answers[kind, status] += 1
        self.bytes_sent += size
        self._last = self.now()

    def gave_up(self) -> None:
        self._in_flight -= 1
        self.abandoned += 1

    def reset(self) -> None:
        """Clears the counts. Requests in flight are not affected."""
        self.answers.clear()
        self.connections = self.abandoned = self.bytes_sent = 0
        self.peak_in_flight = self._in_flight
        self._first = None

    def report(self) -> TrafficReport:
        answers: dict[Kind, dict[int, int]] = {}
        for (kind, status), number in sorted(self.answers.items()):
            answers.setdefault(kind, {})[status] = number
        span = 0.0 if self._first is None else max(0.0, self._last - self._first)
        return TrafficReport(
            answers,
            self.connections,
            self.abandoned,
            self.peak_in_flight,
            self.bytes_sent,
            round(span * 1000, 3),
        )
