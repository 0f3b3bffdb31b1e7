"""What a host still allows, as its answers say, and what it was asked."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

_COUNT = re.compile(r"\s*([0-9]{1,9})\s*(?:[;,]|$)")
_WINDOW = re.compile(r";\s*w=([0-9]{1,9})")
_SECONDS = re.compile(r"[0-9]{1,10}")
_EPOCH_FROM = 10**9
"""Larger numbers are moments (GitHub, GitLab, Docker Hub's API), smaller ones seconds to wait."""

_SPARE_ABOVE = 0.2
_LONGEST = timedelta(days=1)
_WITHOUT_END = timedelta(hours=1)
"""How long a number without any time is believed."""


@dataclass(frozen=True, slots=True)
class Allowance:
    remaining: int
    limit: int | None = None
    window: timedelta | None = None
    resets_at: datetime | None = None

    @property
    def spare(self) -> bool:
        """Enough is left for work that nobody waits for."""
        return self.remaining > _SPARE_ABOVE * (self.limit or 0)


@dataclass(frozen=True, slots=True)
class RegistryBudget:
    """One host: what it allows (None: it does not say) and what it was sent in the last 24 hours."""

    host: str
    remaining: int | None
    limit: int | None
    resets_at: datetime | None
    """The latest moment at which the whole limit is there again."""
    cool_down_until: datetime | None
    requests_24h: int


class Budget:
    """The last word of a host about its limit; forgotten when its window has passed."""

    def __init__(self) -> None:
        self._allowance: Allowance | None = None
        self._until = datetime.min.replace(tzinfo=UTC)

    def note(self, headers: Mapping[str, str], now: datetime) -> None:
        said, known = allowance(headers, now), self.current(now)
        if said is None:
            return
        if said.resets_at is None and said.window:
            # A window without an end named ends at the latest its length after it was first seen.
            same = known and known.window == said.window and said.remaining <= known.remaining
            ends = known.resets_at if known and same else now + min(said.window, _LONGEST)
            said = replace(said, resets_at=ends)
        self._allowance = said
        self._until = said.resets_at or now + _WITHOUT_END

    def current(self, now: datetime) -> Allowance | None:
        return self._allowance if now < self._until else None


def allowance(headers: Mapping[str, str], now: datetime) -> Allowance | None:
    """Out of `RateLimit-*` (Docker Hub's registry: `100;w=21600`) or `X-RateLimit-*` (its API, GitHub)."""
    for prefix in ("RateLimit-", "X-RateLimit-"):
        said = headers.get(f"{prefix}Remaining", "")
        remaining = _COUNT.match(said)
        if remaining is None:
            continue
        text = headers.get(f"{prefix}Limit", "")
        limit, window = _COUNT.match(text), _WINDOW.search(text) or _WINDOW.search(said)
        resets_at = moment_or_wait(headers.get(f"{prefix}Reset", ""), now)
        return Allowance(
            int(remaining[1]),
            int(limit[1]) if limit else None,
            timedelta(seconds=int(window[1])) if window else None,
            min(resets_at, now + _LONGEST) if resets_at else None,
        )
    return None


def moment_or_wait(text: str, now: datetime) -> datetime | None:
    """What a header of seconds means: a moment since 1970, or a wait from now."""
    if not _SECONDS.fullmatch(text.strip()):
        return None
    seconds = int(text)
    return (
        datetime.fromtimestamp(seconds, UTC) if seconds >= _EPOCH_FROM else now + timedelta(seconds=seconds)
    )
