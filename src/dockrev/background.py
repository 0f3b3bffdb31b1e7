"""Work that the server repeats in the background."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, NoReturn

import structlog

from dockrev.errors import AppError
from dockrev.signals import Wakeup, is_set_within

log = structlog.get_logger()


async def every(
    name: str, seconds: float, action: Callable[[], Awaitable[object]], wakeup: Wakeup | None = None
) -> NoReturn:
    """Runs the action now, then `seconds` after each end, and sooner when `wakeup` wakes it.

    A failure is logged and never ends the loop. The loop ends when its task is cancelled.
    """
    with (wakeup or Wakeup()).watch() as woken:
        while True:
            woken.clear()
            try:
                await action()
            except AppError as error:
                log.warning(
                    "Background work failed", action="background.failed", work=name, cause=error.message
                )
            except Exception:
                log.exception("Background work crashed", action="background.crashed", work=name)
            await is_set_within(woken, seconds)


@asynccontextmanager
async def running(*loops: Coroutine[Any, Any, NoReturn]) -> AsyncIterator[None]:
    """Runs each of these loops as a task while the block runs. Returns when all of them have ended."""
    tasks = [asyncio.create_task(loop) for loop in loops]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
