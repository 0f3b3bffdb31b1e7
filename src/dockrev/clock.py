"""The time, taken from one place so that tests can set it."""

from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    def now(self) -> datetime:
        """The present, in UTC."""
        ...


class SystemClock:
    def now(self) -> datetime:
        return datetime.now(UTC)  # noqa: TID251 -- the one place that may


def timestamp(moment: datetime) -> str:
    """RFC 3339 in UTC with exactly six fractional digits, so that text order is time order."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def parse_timestamp(text: str) -> datetime:
    """The inverse of `timestamp`; takes any RFC 3339 moment."""
    return datetime.fromisoformat(text).astimezone(UTC)
