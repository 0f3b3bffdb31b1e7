"""The number of requests that a host still allows, from the headers of its responses."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

_COUNT = re.compile(r"\s*([0-9]{1,9})\s*(?:[;,]|$)")
_WINDOW = re.compile(r";\s*w=([0-9]{1,9})")
_RESET_SECONDS = re.compile(r"[0-9]{1,10}")
_RETRY_SECONDS = re.compile(r"[0-9]{1,9}")
_EPOCH_FROM = 10**9
"""Larger numbers are times since 1970 (GitHub, GitLab, Docker Hub's API), smaller ones seconds to wait."""

_SPARE_ABOVE = 0.2
_LONGEST = timedelta(days=1)
_WITHOUT_WINDOW = timedelta(hours=1)
"""How long a number of remaining requests is valid when the host names no window."""


@dataclass(frozen=True, slots=True)
class Quota:
    remaining: int
    limit: int | None = None
    window: timedelta | None = None
    resets_at: datetime | None = None
    """The latest moment at which the whole limit is available again."""

    @property
    def has_spare(self) -> bool:
        """Enough is left for background work: more than a fifth of the limit."""
        return self.remaining > _SPARE_ABOVE * (self.limit or 0)


class QuotaTracker:
    """The last quota that a host named. It is forgotten when its window has passed."""

    def __init__(self) -> None:
        self._quota: Quota | None = None
        self._until = datetime.min.replace(tzinfo=UTC)

    def update(self, headers: Mapping[str, str], now: datetime) -> None:
        quota, last = parse_quota(headers, now), self.current(now)
        if quota is None:
            return
        if quota.resets_at is None and quota.window:
            # A window without a named end ends, at the latest, its length after its first response.
            same_window = last and last.window == quota.window and quota.remaining <= last.remaining
            ends = last.resets_at if last and same_window else now + min(quota.window, _LONGEST)
            quota = replace(quota, resets_at=ends)
        self._quota = quota
        self._until = quota.resets_at or now + _WITHOUT_WINDOW

    def current(self, now: datetime) -> Quota | None:
        return self._quota if now < self._until else None


def parse_quota(headers: Mapping[str, str], now: datetime) -> Quota | None:
    """Reads `RateLimit-*` (Docker Hub's registry: `100;w=21600`) or `X-RateLimit-*` (its API, GitHub)."""
    for prefix in ("RateLimit-", "X-RateLimit-"):
        remaining_text = headers.get(f"{prefix}Remaining", "")
        remaining = _COUNT.match(remaining_text)
        if remaining is None:
            continue
        limit_text = headers.get(f"{prefix}Limit", "")
        limit, window = _COUNT.match(limit_text), _WINDOW.search(limit_text) or _WINDOW.search(remaining_text)
        resets_at = _moment(headers.get(f"{prefix}Reset", ""), now)
        return Quota(
            int(remaining[1]),
            int(limit[1]) if limit else None,
            timedelta(seconds=int(window[1])) if window else None,
            min(resets_at, now + _LONGEST) if resets_at else None,
        )
    return None


def retry_after(headers: Mapping[str, str], now: datetime) -> timedelta | None:
    """How long a refusal asks to wait (RFC 9110, section 10.2.3), else how long a used-up quota lasts."""
    value = headers.get("Retry-After", "").strip()
    if _RETRY_SECONDS.fullmatch(value):
        return timedelta(seconds=int(value))
    if value and (moment := _http_date(value)):
        return max(moment - now, timedelta(0))
    moment = _moment(headers.get("X-Retry-After", ""), now)
    quota = parse_quota(headers, now)
    if moment is None and quota and quota.remaining == 0:
        moment = quota.resets_at or (now + quota.window if quota.window else None)
    return max(moment - now, timedelta(0)) if moment else None


def _moment(text: str, now: datetime) -> datetime | None:
    """A number of seconds since 1970 or from now."""
    if not _RESET_SECONDS.fullmatch(text.strip()):
        return None
    seconds = int(text)
    if seconds >= _EPOCH_FROM:
        return datetime.fromtimestamp(seconds, UTC)
    return now + timedelta(seconds=seconds)


def _http_date(value: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
