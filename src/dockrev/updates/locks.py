"""Locks of running updates: only one update at a time may use a stack, or an image name of a host."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from weakref import WeakValueDictionary

from dockrev.updates.models import StackPlan


class UpdateLocks:
    """Locks stacks and image names.

    Compose recreates services that share a namespace together, so a stack is locked as a whole. Moving an
    image name concerns every service that uses it, so the name is locked too. Each host has its own names,
    because the same name can mean another image there.
    """

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[tuple[str, str], asyncio.Lock] = WeakValueDictionary()

    @asynccontextmanager
    async def hold(self, stack: StackPlan, tell: Callable[[str], Awaitable[None]]) -> AsyncIterator[None]:
        """Waits until no other update holds one of these locks. Calls `tell` when it has to wait."""
        names = sorted({stack.stack_id, *(str(service.ref) for service in stack.services)})
        locks = [self._locks.setdefault((stack.host_id, name), asyncio.Lock()) for name in names]
        if any(lock.locked() for lock in locks):
            await tell(f"{stack.project} waits for another update of this stack or of an image that it uses")
        async with AsyncExitStack() as held:
            for lock in locks:  # every update takes the locks in the same order, which rules out a deadlock
                await held.enter_async_context(lock)
            yield
