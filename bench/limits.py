"""The limits of a registry on the number of requests."""

import math
import time
from collections.abc import Callable

QUOTA_WINDOW_SECONDS = 21_600


class PullQuota:
    """Counts manifest GETs like Docker Hub. HEAD does not count."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._used = 0

    def take(self) -> bool:
        if self._used >= self._limit:
            return False
        self._used += 1
        return True

    def refill(self) -> None:
        self._used = 0

    @property
    def headers(self) -> bytes:
        left, window = self._limit - self._used, QUOTA_WINDOW_SECONDS
        lines = (f"ratelimit-limit: {self._limit};w={window}", f"ratelimit-remaining: {left};w={window}")
        return "".join(f"{line}\r\n" for line in lines).encode()


class RateBucket:
    """Allows `rate` requests a second, and a burst of the same size after a second without requests."""

    def __init__(self, rate: float, now: Callable[[], float] = time.monotonic) -> None:
        self._rate, self._now = rate, now
        self._burst = self._left = max(1.0, rate)
        self._at = now()

    def take(self) -> bool:
        moment = self._now()
        self._left = min(self._burst, self._left + (moment - self._at) * self._rate)
        self._at = moment
        if self._left < 1:
            return False
        self._left -= 1
        return True

    def refill(self) -> None:
        self._left = self._burst
        self._at = self._now()

    @property
    def retry_after_seconds(self) -> int:
        """The whole seconds, for the header, after which one request is allowed."""
        return max(1, math.ceil((1 - self._left) / self._rate))


class FailureRate:
    """Fails this share of the requests, evenly spread. They are the same requests in every run."""

    def __init__(self, share: float) -> None:
        self._share = share
        self._seen = 0

    def hits(self) -> bool:
        self._seen += 1
        return int(self._seen * self._share) > int((self._seen - 1) * self._share)

    def restart(self) -> None:
        self._seen = 0
