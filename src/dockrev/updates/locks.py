"""Locks of running updates: one update at a time works on a stack, and on an image name of a host."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from weakref import WeakValueDictionary

from dockrev.updates.models import StackPlan


class UpdateLocks:
    """Services that share a namespace are recreated together, and services with one image name move together.

    An image name means another image on another host, so each host has its own names.
    """

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[tuple[str, str], asyncio.Lock] = WeakValueDictionary()

    @asynccontextmanager
    async def hold(self, stack: StackPlan, tell: Callable[[str], Awaitable[None]]) -> AsyncIterator[None]:
        """Waits until no other update holds any of the locks; tells it when there is a wait."""
        names = sorted({stack.stack_id, *(str(service.ref) for service in stack.services)})
        locks = [self._locks.setdefault((stack.host_id, name), asyncio.Lock()) for name in names]
        if any(lock.locked() for lock in locks):
            await tell(f"{stack.project} waits for another update of this stack, or of an image that it uses")
        async with AsyncExitStack() as held:
            for lock in locks:  # every update takes them in the same order, so no two wait for each other
                await held.enter_async_context(lock)
            yield
