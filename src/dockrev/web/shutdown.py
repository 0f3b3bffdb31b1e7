"""Announces that the server is about to stop."""

import asyncio


class Shutdown:
    """The server calls `begin` before it waits for open responses. Event streams `wait` for it, and end."""

    def __init__(self) -> None:
        self._begun = asyncio.Event()

    @property
    def begun(self) -> bool:
        return self._begun.is_set()

    def begin(self) -> None:
        self._begun.set()

    async def wait(self) -> None:
        await self._begun.wait()
