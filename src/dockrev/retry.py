"""Tries an action again after a failure. How often, and for which errors, is data."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    pauses: tuple[float, ...]
    """Seconds before the second attempt, the third and so on. An empty tuple means one attempt."""
    retries: Callable[[Exception], bool]
    """Whether another attempt may help after this error."""
    endless: bool = False
    """The last pause repeats until an attempt succeeds."""

    def pause_after(self, attempt: int) -> float | None:
        """Seconds to wait after the failed attempt of this number, from 1; None: give up."""
        if attempt <= len(self.pauses):
            return self.pauses[attempt - 1]
        return self.pauses[-1] if self.endless else None


def doubling(first: float, longest: float, count: int) -> tuple[float, ...]:
    """`count` pauses, each twice as long as the one before, up to `longest`."""
    return tuple(min(first * 2**number, longest) for number in range(count))


async def retry(
    policy: RetryPolicy,
    action: Callable[[], Awaitable[Result]],
    *,
    on_failure: Callable[[int, Exception], Awaitable[None]] | None = None,
    pause: Callable[[float], Awaitable[object]] = asyncio.sleep,
) -> Result:
    """Returns the first success. Raises the error of the last attempt.

    `on_failure` gets the number of the attempt and its error before each pause. It may raise to stop.
    `pause` waits; it may return early.
    """
    attempt = 1
    while True:
        try:
            return await action()
        except Exception as error:
            seconds = policy.pause_after(attempt)
            if seconds is None or not policy.retries(error):
                raise
            if on_failure:
                await on_failure(attempt, error)
        await pause(seconds)
        attempt += 1
