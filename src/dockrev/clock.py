"""The only source of the current time, so that tests can set it."""

from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    def now(self) -> datetime:
        """The current time in UTC."""
        ...


class SystemClock:
    def now(self) -> datetime:
        return datetime.now(UTC)  # noqa: TID251 -- the only place that reads the time


def timestamp(moment: datetime) -> str:
    """RFC 3339 in UTC with exactly six fractional digits, so that timestamps sort as text."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def parse_timestamp(text: str) -> datetime:
    """The inverse of `timestamp`. Also reads any other RFC 3339 time."""
    return datetime.fromisoformat(text).astimezone(UTC)
