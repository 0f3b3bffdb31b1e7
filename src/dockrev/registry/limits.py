"""How hard a host may be asked: at most seven at once, silence when it asks for it, none when it is dead."""

import asyncio
import random
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import structlog

from dockrev.clock import Clock, timestamp
from dockrev.config import RegistryConfig
from dockrev.errors import RegistryError, RegistryErrorCode
from dockrev.registry.budget import Allowance, Budget, RegistryBudget, allowance, moment_or_wait
from dockrev.registry.gate import Gate
from dockrev.registry.spending import Spending
from dockrev.registry.transport import Answer, HostFailure

log = structlog.get_logger()

AT_ONCE = 7
COUNTED_AT_ONCE = 2
"""Manifest GETs may count against a pull quota; when it runs out, no more than these are wasted."""

_KNOWN_FOR = timedelta(seconds=60)
"""After a silence of that length one question goes ahead of the others again."""

_BLIND_REFUSALS = 2
"""So many in a row that name no time to wait, and the host is left alone."""

_COOL_DOWN = timedelta(seconds=60)
_LONGEST_COOL_DOWN = timedelta(hours=6)
_DEAD_AFTER_FAILURES = 2
_DEAD_FOR = timedelta(seconds=30)
_SECONDS = re.compile(r"[0-9]{1,9}")


class HostLimits:
    """Everything sent to one host passes here, so what one answer teaches holds for all questions."""

    def __init__(
        self, host: str, config: RegistryConfig, clock: Clock, spending: Spending | None = None
    ) -> None:
        self.host = host
        self._spending = spending or Spending()
        self._budget = Budget()
        self._config = config
        self._clock = clock
        self._gate = Gate(AT_ONCE)
        self._counted = asyncio.Semaphore(COUNTED_AT_ONCE)
        self._resume = asyncio.Event()
        self._resume.set()
        self._refusals = 0
        self._challenged = False
        self._answered_at: datetime | None = None
        self._cool_until: datetime | None = None
        self._failure: HostFailure | None = None
        self._failures = 0
        self._dead_until: datetime | None = None

    @property
    def doubtful(self) -> bool:
        """The last questions got no answer at all: ask one at a time until one does."""
        return self._failures >= _DEAD_AFTER_FAILURES

    @property
    def spare(self) -> bool:
        """Whether the host can be asked now, and still allows enough for work that nobody waits for."""
        left = self.allowance()
        return not (self.cool_down() or self._dead) and (left is None or left.spare)

    def allowance(self) -> Allowance | None:
        return self._budget.current(self._clock.now())

    def cool_down(self) -> datetime | None:
        if self._cool_until and self._cool_until <= self._clock.now():
            self._cool_until = None
        return self._cool_until

    async def send(
        self,
        attempt: Callable[[], Awaitable[Answer]],
        what: str,
        *,
        counted: bool = False,
        telling: bool = True,
    ) -> Answer:
        """The first answer that is neither 429 nor a first 5xx. Raises RegistryError when there is none.

        `telling`: the host is thought dead when several such questions get no answer at all.
        """
        if not counted:
            return await self._send(attempt, what, telling)
        async with self._counted:
            return await self._send(attempt, what, telling)

    async def _send(self, attempt: Callable[[], Awaitable[Answer]], what: str, telling: bool) -> Answer:
        refusals, server_errors = 0, 0
        while True:
            answer = await self._once(attempt, what, telling)
            if answer.status == 429:
                refusals += 1
                await self._heed(answer, refusals, what)
            elif answer.status >= 500 and server_errors == 0:
                server_errors += 1
            else:
                return answer

    async def _once(self, attempt: Callable[[], Awaitable[Answer]], what: str, telling: bool) -> Answer:
        if self._answered_at is None or self._clock.now() - self._answered_at > _KNOWN_FOR:
            self._gate.doubt()
        async with self._gate as ahead:
            await self._resume.wait()
            self._raise_if_closed(what)
            try:
                answer = await attempt()
            except HostFailure as failure:
                if telling:
                    self._note(failure)
                self._spending.add(self.host, self._clock.now())
                raise self._no_answer(failure, what) from failure
        self._failures = 0
        self._spending.add(self.host, self._clock.now())
        self._budget.note(answer.headers, self._clock.now())
        self._learn(answer, ahead)
        return answer

    def _learn(self, answer: Answer, ahead: bool) -> None:
        if answer.status == 429:
            self._refusals = self._refusals + 1 if ahead else max(self._refusals, 1)
            self._gate.narrow()
        elif answer.status == 401 and not self._challenged:
            self._challenged = True  # says how to ask, and nothing about how often
        else:
            self._refusals, self._answered_at = 0, self._clock.now()
            self._gate.went_well()

    def _raise_if_closed(self, what: str) -> None:
        if until := self.cool_down():
            raise self._limited(until, what)
        if self._failure and self._dead:
            raise self._no_answer(self._failure, what)

    @property
    def _dead(self) -> bool:
        return self.doubtful and self._dead_until is not None and self._clock.now() < self._dead_until

    def _note(self, failure: HostFailure) -> None:
        self._failure = failure
        self._failures += 1
        if self.doubtful:
            self._dead_until = self._clock.now() + _DEAD_FOR

    async def _heed(self, answer: Answer, refusals: int, what: str) -> None:
        """Waits when the wait is short and tries are left; else starts the cool-down and raises."""
        asked_for = retry_after(answer, self._clock.now()) or None  # no time at all is no time to wait
        patience = timedelta(milliseconds=self._config.retry_max_ms)
        in_vain = asked_for is None and self._refusals >= _BLIND_REFUSALS
        tried = max(refusals, self._refusals) >= self._config.retry_max_attempts
        if in_vain or tried or (asked_for is not None and asked_for > patience):
            raise self._limited(self._start_cool_down(asked_for or _COOL_DOWN), what)
        await self._pause(asked_for or self._backoff(refusals))

    def _start_cool_down(self, length: timedelta) -> datetime:
        """The end of it; several refusals of questions sent together make one."""
        until = self._clock.now() + min(length, _LONGEST_COOL_DOWN)
        known = self.cool_down()
        self._cool_until = max(until, known) if known else until
        if known is None:
            log.info(
                f"{self.host} limits how often it may be asked and is left alone until {timestamp(until)}",
                action="registry.cool_down",
                host=self.host,
            )
        return self._cool_until

    async def _pause(self, length: timedelta) -> None:
        """Holds back every question to this host, so that the wait is not paid for one by one."""
        if not self._resume.is_set():
            await self._resume.wait()
            return
        self._resume.clear()
        try:
            await asyncio.sleep(length.total_seconds())
        finally:
            self._resume.set()

    def _backoff(self, refusals: int) -> timedelta:
        base, most = self._config.retry_base_ms, self._config.retry_max_ms
        jitter = random.uniform(0, base / 2)  # noqa: S311 -- spreads retries, guards nothing
        return timedelta(milliseconds=min(most, base * 2 ** (refusals - 1) + jitter))

    def _limited(self, until: datetime, what: str) -> RegistryError:
        return RegistryError(
            RegistryErrorCode.RATE_LIMITED,
            f"{self.host} limits how often it may be asked, so asking for {what} has to wait "
            f"until {timestamp(until)}; a login usually raises the limit",
            retry_at=until,
        )

    def _no_answer(self, failure: HostFailure, what: str) -> RegistryError:
        return RegistryError(
            failure.reason,
            f"{self.host} {failure.cause} when asked for {what}; {failure.advice}",
            permanent=failure.permanent,
        )


def retry_after(answer: Answer, now: datetime) -> timedelta | None:
    """How long a refusal asks to wait (RFC 9110, section 10.2.3), else how long a used-up limit lasts."""
    value = answer.headers.get("Retry-After", "").strip()
    if _SECONDS.fullmatch(value):
        return timedelta(seconds=int(value))
    if value and (moment := _http_date(value)):
        return max(moment - now, timedelta(0))
    moment = moment_or_wait(answer.headers.get("X-Retry-After", ""), now)
    left = allowance(answer.headers, now)
    if moment is None and left and left.remaining == 0:
        moment = left.resets_at or (now + left.window if left.window else None)
    return max(moment - now, timedelta(0)) if moment else None


def _http_date(value: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def budgets(limits: Iterable[HostLimits], requests: Mapping[str, int]) -> list[RegistryBudget]:
    """One for each host that `requests` or a limit is known of; a host may have several `limits`."""
    by_host: dict[str, list[HostLimits]] = {host: [] for host in requests}
    for one in limits:
        if one.host in requests or one.allowance() or one.cool_down():
            by_host.setdefault(one.host, []).append(one)
    return [_budget(host, by_host[host], requests.get(host, 0)) for host in sorted(by_host)]


def _budget(host: str, limits: Sequence[HostLimits], requests: int) -> RegistryBudget:
    allowances = [left for one in limits if (left := one.allowance())]
    least = min(allowances, key=lambda left: left.remaining, default=None)
    return RegistryBudget(
        host,
        remaining=least.remaining if least else None,
        limit=least.limit if least else None,
        resets_at=least.resets_at if least else None,
        cool_down_until=max((until for one in limits if (until := one.cool_down())), default=None),
        requests_24h=requests,
    )
