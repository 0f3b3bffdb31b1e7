"""Limits the requests to each host: a few at once, and none while it asks to wait or does not answer."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from dockrev.clock import Clock, timestamp
from dockrev.http.adaptive_limit import AdaptiveLimit
from dockrev.http.failure import FailureKind, HttpFailure
from dockrev.http.messages import HttpResponse
from dockrev.http.quota import Quota, QuotaTracker, retry_after
from dockrev.http.request_counter import RequestCounter

log = structlog.get_logger()

AT_ONCE = 7
METERED_AT_ONCE = 2
"""So few, because all metered requests in flight are wasted when the quota runs out."""

_RECENT = timedelta(seconds=60)
"""When the last good response is older, one request goes first and the others wait for its result."""

_REFUSALS_WITHOUT_TIME = 2
"""The cool-down starts after this many refusals in a row that name no time to wait."""

_COOL_DOWN = timedelta(seconds=60)
_LONGEST_COOL_DOWN = timedelta(hours=6)
_DEAD_AFTER_FAILURES = 2
_DEAD_FOR = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class RateLimitPolicy:
    """How to retry when a host refuses a request. A wait longer than `max_ms` starts a cool-down instead."""

    max_attempts: int = 3
    base_ms: int = 250
    max_ms: int = 2000


@dataclass(frozen=True, slots=True)
class HostUsage:
    """The quota of one host (None: it reports none), and the number of requests in the last 24 hours."""

    host: str
    remaining: int | None
    limit: int | None
    resets_at: datetime | None
    """The latest moment at which the whole limit is available again."""
    cool_down_until: datetime | None
    requests_24h: int


class RateLimit:
    """Holds what the responses of one service of a host say about limits, for all requests to it."""

    def __init__(self, host: str, policy: RateLimitPolicy, clock: Clock, counter: RequestCounter) -> None:
        self.host = host
        self._policy = policy
        self._clock = clock
        self._counter = counter
        self._quota = QuotaTracker()
        self._concurrency = AdaptiveLimit(AT_ONCE)
        self._metered = asyncio.Semaphore(METERED_AT_ONCE)
        self._resume = asyncio.Event()
        self._resume.set()
        self._refusals = 0
        self._challenged = False
        self._succeeded_at: datetime | None = None
        self._cool_down_until: datetime | None = None
        self._last_failure: HttpFailure | None = None
        self._failures = 0
        self._dead_until: datetime | None = None

    @property
    def has_spare_quota(self) -> bool:
        """Whether the host takes requests now and allows enough of them for background work."""
        quota = self.quota()
        return not (self.cool_down_until() or self._dead) and (quota is None or quota.has_spare)

    def quota(self) -> Quota | None:
        return self._quota.current(self._clock.now())

    def cool_down_until(self) -> datetime | None:
        if self._cool_down_until and self._cool_down_until <= self._clock.now():
            self._cool_down_until = None
        return self._cool_down_until

    async def send(
        self,
        attempt: Callable[[], Awaitable[HttpResponse]],
        *,
        metered: bool = False,
        speaks_for_host: bool = True,
    ) -> HttpResponse:
        """Returns the first response that is no refusal and no first 5xx. Raises HttpFailure without one.

        `metered` and `speaks_for_host`: as in HttpRequest.
        """
        refusals, server_errors = 0, 0
        async with self._metered if metered else nullcontext():
            while True:
                response = await self._attempt(attempt, speaks_for_host)
                if _is_refusal(response):
                    refusals += 1
                    await self._wait_or_give_up(response, refusals)
                elif response.status >= 500 and server_errors == 0:
                    server_errors += 1
                else:
                    return response

    async def _attempt(
        self, attempt: Callable[[], Awaitable[HttpResponse]], speaks_for_host: bool
    ) -> HttpResponse:
        if self._suspect or self._succeeded_at is None or self._clock.now() - self._succeeded_at > _RECENT:
            self._concurrency.probe()
        async with self._concurrency as alone:
            await self._resume.wait()
            self._raise_if_closed()
            try:
                response = await attempt()
            except HttpFailure as failure:
                self._counter.add(self.host, self._clock.now())
                if speaks_for_host:
                    self._record_failure(failure)
                raise
        self._counter.add(self.host, self._clock.now())
        self._failures = 0
        self._quota.update(response.headers, self._clock.now())
        self._record_response(response, alone)
        return response

    def _record_response(self, response: HttpResponse, alone: bool) -> None:
        if _is_refusal(response):
            self._refusals = self._refusals + 1 if alone else max(self._refusals, 1)
            self._concurrency.shrink()
        elif response.status == 401 and not self._challenged:
            self._challenged = True  # the first challenge is about the login, not about limits
        else:
            self._refusals, self._succeeded_at = 0, self._clock.now()
            self._concurrency.succeeded()

    def _record_failure(self, failure: HttpFailure) -> None:
        self._last_failure = failure
        self._failures += 1
        if self._suspect:
            self._dead_until = self._clock.now() + _DEAD_FOR

    @property
    def _suspect(self) -> bool:
        """The last requests got no response at all."""
        return self._failures >= _DEAD_AFTER_FAILURES

    @property
    def _dead(self) -> bool:
        return self._suspect and self._dead_until is not None and self._clock.now() < self._dead_until

    def _raise_if_closed(self) -> None:
        if until := self.cool_down_until():
            raise self._rate_limited(until)
        if self._last_failure and self._dead:
            raise self._last_failure.again()

    async def _wait_or_give_up(self, response: HttpResponse, refusals: int) -> None:
        """Waits when the wait is short and attempts are left. Otherwise starts the cool-down and raises."""
        asked = retry_after(response.headers, self._clock.now()) or None  # a wait of 0 seconds counts as none
        give_up = asked is None and self._refusals >= _REFUSALS_WITHOUT_TIME
        give_up |= max(refusals, self._refusals) >= self._policy.max_attempts
        give_up |= asked is not None and asked > timedelta(milliseconds=self._policy.max_ms)
        if give_up:
            raise self._rate_limited(self._start_cool_down(asked or _COOL_DOWN))
        await self._pause(asked or self._backoff(refusals))

    def _start_cool_down(self, length: timedelta) -> datetime:
        """Returns the end of the cool-down. Refusals of requests that ran together start only one."""
        until = self._clock.now() + min(length, _LONGEST_COOL_DOWN)
        current = self.cool_down_until()
        self._cool_down_until = max(until, current) if current else until
        if current is None:
            log.info(
                f"{self.host} limits how often it may be asked; Dockrev sends it nothing before "
                f"{timestamp(until)}",
                action="http.cool_down",
                host=self.host,
            )
        return self._cool_down_until

    async def _pause(self, length: timedelta) -> None:
        """Holds back all requests to the host, so that they share one wait."""
        if not self._resume.is_set():
            await self._resume.wait()
            return
        self._resume.clear()
        try:
            await asyncio.sleep(length.total_seconds())
        finally:
            self._resume.set()

    def _backoff(self, refusals: int) -> timedelta:
        base, most = self._policy.base_ms, self._policy.max_ms
        jitter = random.uniform(0, base / 2)  # noqa: S311 -- spreads retries, guards nothing
        return timedelta(milliseconds=min(most, base * 2 ** (refusals - 1) + jitter))

    def _rate_limited(self, until: datetime) -> HttpFailure:
        return HttpFailure(
            FailureKind.RATE_LIMITED,
            self.host,
            "limits how often it may be asked",
            f"wait until {timestamp(until)}",
            retry_at=until,
        )


def _is_refusal(response: HttpResponse) -> bool:
    """429, or the 403 that GitHub answers instead (docs.github.com/rest, "Rate limits for the REST API")."""
    headers = response.headers
    names_wait = "Retry-After" in headers or headers.get("X-RateLimit-Remaining") == "0"
    return response.status == 429 or (response.status == 403 and names_wait)


class RateLimits:
    """The limits of every host. All clients of the process share one object."""

    def __init__(self, policy: RateLimitPolicy, clock: Clock) -> None:
        self._policy = policy
        self._clock = clock
        self._limits: dict[tuple[str, str], RateLimit] = {}
        self.counter = RequestCounter()

    def of(self, host: str, service: str = "") -> RateLimit:
        key = (host, service)
        if key not in self._limits:
            self._limits[key] = RateLimit(host, self._policy, self._clock, self.counter)
        return self._limits[key]

    def usage(self) -> list[HostUsage]:
        """The hosts that were asked in the last 24 hours or named a limit, sorted by name."""
        requests = self.counter.last_24h(self._clock.now())
        by_host: dict[str, list[RateLimit]] = {host: [] for host in requests}
        for limit in self._limits.values():
            if limit.host in requests or limit.quota() or limit.cool_down_until():
                by_host.setdefault(limit.host, []).append(limit)
        return [_usage(host, by_host[host], requests) for host in sorted(by_host)]


def _usage(host: str, limits: Sequence[RateLimit], requests: Mapping[str, int]) -> HostUsage:
    """The smallest quota and the longest cool-down of the host's services."""
    quotas = [quota for limit in limits if (quota := limit.quota())]
    least = min(quotas, key=lambda quota: quota.remaining, default=None)
    return HostUsage(
        host,
        remaining=least.remaining if least else None,
        limit=least.limit if least else None,
        resets_at=least.resets_at if least else None,
        cool_down_until=max((until for limit in limits if (until := limit.cool_down_until())), default=None),
        requests_24h=requests.get(host, 0),
    )
