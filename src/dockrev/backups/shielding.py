"""What has to be put back in order is, also when the one who does it is being cancelled."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

Value = TypeVar("Value")


async def to_the_end(work: Coroutine[Any, Any, Value]) -> Value:
    """A cancellation waits until the work is done, and then counts."""
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError as error:
            if task.cancelled():
                raise
            cancelled = error
        except BaseException:  # noqa: BLE001 -- it is the task's own, raised below
            break
    if cancelled is not None:
        if not task.cancelled() and (failure := task.exception()):
            raise cancelled from failure
        raise cancelled
    return task.result()
