"""A gate that lets a number of questions through at once, fewer after a refusal."""

import asyncio
from types import TracebackType

GOOD_ANSWERS = 8
"""So many for each question let through at once, before one more is: whoever complained is not pressed."""


class Gate:
    """Narrows to one when the host complains and widens again step by step while it does not."""

    def __init__(self, width: int) -> None:
        self._slots = asyncio.Semaphore(width)
        self._full = width
        self._wanted = width
        self._open = width
        self._good = 0

    async def __aenter__(self) -> None:
        await self._slots.acquire()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._open > self._wanted:
            self._open -= 1
        else:
            self._slots.release()

    def narrow(self) -> None:
        self._wanted, self._good = 1, 0

    def went_well(self) -> None:
        if self._wanted == self._full:
            return
        self._good += 1
        if self._good >= GOOD_ANSWERS * self._wanted:
            self._good = 0
            self._wanted += 1
            if self._open < self._wanted:
                self._open += 1
                self._slots.release()
