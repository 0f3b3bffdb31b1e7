"""Waiting that a cancel ends, and retries."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeVar

from dockrev.docker.engine import Engine
from dockrev.errors import DockerError, JobCancelled, UpstreamError
from dockrev.replacement.health import HealthLimits
from dockrev.retry import RetryPolicy, retry

Result = TypeVar("Result")

_LOOK_SECONDS = 1.0


def is_temporary(error: Exception) -> bool:
    return isinstance(error, UpstreamError) and not error.permanent


ROLLBACK = RetryPolicy((1.0, 3.0, 10.0), is_temporary)
"""The retries of a rollback. An engine that shuts down still answers for a while, but its actions fail."""


@dataclass(frozen=True, slots=True)
class ReplacementPolicies:
    """`registry` is for pulls and other requests to a registry.

    `engine_seconds`: how long to wait for an engine that does not answer.
    """

    registry: RetryPolicy
    health: HealthLimits = field(default_factory=HealthLimits)
    rollback: RetryPolicy = ROLLBACK
    engine_seconds: float = 600.0


async def retry_and_tell(
    policy: RetryPolicy, action: Callable[[], Awaitable[Result]], tell: Callable[[str], Awaitable[None]]
) -> Result:
    """Retries the action and calls `tell` for each attempt that will be repeated. Raises the last error."""

    async def failed(number: int, error: Exception) -> None:
        await tell(f"attempt {number} of {len(policy.pauses) + 1} failed: {error}")

    return await retry(policy, action, on_failure=failed)


async def retry_on_engine(
    policies: ReplacementPolicies, engine: Engine, action: Callable[[], Awaitable[Result]]
) -> Result:
    """Retries by the rollback policy. Waits before each new attempt until the engine answers again."""

    async def pause(seconds: float) -> None:
        await asyncio.sleep(seconds)
        await wait_for_engine(engine, policies.engine_seconds)

    return await retry(policies.rollback, action, pause=pause)


async def wait_for_engine(engine: Engine, seconds: float) -> None:
    """Returns when the engine answers. Raises DockerError when it does not answer within this time."""
    now = asyncio.get_running_loop().time
    deadline = now() + seconds

    def may_answer_later(error: Exception) -> bool:
        return isinstance(error, DockerError) and now() <= deadline

    await retry(RetryPolicy((_LOOK_SECONDS,), may_answer_later, endless=True), engine.describe)


async def or_cancelled(cancelled: asyncio.Event, work: Awaitable[Result]) -> Result:
    """The result of the work. When the event comes first, it ends the work and raises JobCancelled."""
    working, waiting = asyncio.ensure_future(work), asyncio.ensure_future(cancelled.wait())
    try:
        await asyncio.wait({working, waiting}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        unfinished = [task for task in (working, waiting) if not task.done()]
        for task in unfinished:
            task.cancel()
        await asyncio.gather(*unfinished, return_exceptions=True)
    if working.cancelled():
        raise JobCancelled
    return working.result()
