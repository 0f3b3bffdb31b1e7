"""Who may work on what: a stack, and the name of an image, are in one update's hands at a time."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from weakref import WeakValueDictionary

from dockrev.updates.models import StackPlan


class Turns:
    """Services that share a namespace are made anew together, and those that share a tag move together."""

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    @asynccontextmanager
    async def of(self, stack: StackPlan, tell: Callable[[str], Awaitable[None]]) -> AsyncIterator[None]:
        """Waits, and says so, until no other update has any of it."""
        wanted = sorted({stack.stack_id, *(str(service.ref) for service in stack.services)})
        locks = [self._locks.setdefault(name, asyncio.Lock()) for name in wanted]
        if any(lock.locked() for lock in locks):
            await tell(f"{stack.project} waits for another update of it, or of an image it has")
        async with AsyncExitStack() as held:
            for lock in locks:  # in one order everywhere, so that no two wait for each other
                await held.enter_async_context(lock)
            yield
