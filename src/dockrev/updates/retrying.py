"""Trying again what may work the next time and does no harm when it is done twice."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from dockrev.config import UpdateConfig
from dockrev.errors import UpstreamError

Result = TypeVar("Result")


async def patiently(
    attempt: Callable[[], Awaitable[Result]],
    limits: UpdateConfig,
    tell: Callable[[str], Awaitable[None]],
) -> Result:
    """Raises the last UpstreamError, at once when it is permanent."""
    pause_ms = limits.retry_base_ms
    for number in range(1, limits.retry_max_attempts):
        try:
            return await attempt()
        except UpstreamError as error:
            if error.permanent:
                raise
            await tell(f"attempt {number} of {limits.retry_max_attempts} failed: {error.message}")
        await asyncio.sleep(pause_ms / 1000)
        pause_ms = min(pause_ms * 2, limits.retry_max_ms)
    return await attempt()
