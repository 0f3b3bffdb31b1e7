"""Wakes tasks that wait for a change. One process only; LISTEN/NOTIFY of PostgreSQL can stand behind it."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager


class Wakeup:
    """Wakes every watcher at each change. It carries no data: a watcher looks at the state by itself."""

    def __init__(self) -> None:
        self._watchers: set[asyncio.Event] = set()

    def wake(self) -> None:
        for watcher in self._watchers:
            watcher.set()

    @contextmanager
    def watch(self) -> Iterator[asyncio.Event]:
        """Yields an event of this watcher alone.

        The watcher clears the event, looks at the state, and then waits: so it misses no change.
        """
        changed = asyncio.Event()
        self._watchers.add(changed)
        try:
            yield changed
        finally:
            self._watchers.discard(changed)


async def is_set_within(event: asyncio.Event, seconds: float | None) -> bool:
    """Waits for the event. False when it does not come in time. None: waits without end."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True
