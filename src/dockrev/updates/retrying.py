"""Trying again what may work the next time and does no harm when it is done twice."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from dockrev.config import UpdateConfig
from dockrev.errors import DockerError, JobCancelled, UpstreamError
from dockrev.updates.collaborators import Tools

Result = TypeVar("Result")

_ENGINE_SECONDS = 600
_LOOK_SECONDS = 1.0


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


async def engine_back(tools: Tools) -> None:
    """Returns when the engine answers. Raises DockerError when it has been away for too long."""
    deadline = asyncio.get_running_loop().time() + _ENGINE_SECONDS
    while True:
        try:
            await tools.host.engine.describe()
            return
        except DockerError:
            if asyncio.get_running_loop().time() > deadline:
                raise
        await asyncio.sleep(_LOOK_SECONDS)


async def unless_cancelled(cancelled: asyncio.Event, work: Awaitable[Result]) -> Result:
    """Raises JobCancelled, with the work ended, when the event comes first."""
    working, waiting = asyncio.ensure_future(work), asyncio.ensure_future(cancelled.wait())
    try:
        await asyncio.wait({working, waiting}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        both = [one for one in (working, waiting) if not one.done()]
        for one in both:
            one.cancel()
        await asyncio.gather(*both, return_exceptions=True)
    if working.cancelled():
        raise JobCancelled
    return working.result()
