"""The news that the server is about to stop."""

import asyncio


class Shutdown:
    """Told once, before the server waits for open responses; endless responses end when they hear it."""

    def __init__(self) -> None:
        self._begun = asyncio.Event()

    @property
    def begun(self) -> bool:
        return self._begun.is_set()

    def begin(self) -> None:
        self._begun.set()

    async def wait(self) -> None:
        await self._begun.wait()
