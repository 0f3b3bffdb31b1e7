"""A gate that lets a number of questions through at once, fewer after a refusal."""

import asyncio
from collections import deque
from types import TracebackType

GOOD_ANSWERS = 8
"""So many for each question let through at once, before one more is: whoever complained is not pressed."""


class Gate:
    """Narrows to one when the host complains and widens again step by step while it does not.

    While it is in doubt it lets one question through at a time, whatever its width: the others wait to see
    how that one fares.
    """

    def __init__(self, width: int) -> None:
        self._full = width
        self._width = width
        self._doubtful = False
        self._inside = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._good = 0

    async def __aenter__(self) -> bool:
        """Returns whether this one went ahead of all others."""
        if self._waiting or self._inside >= self._limit:
            await self._wait()
        else:
            self._inside += 1
        return self._limit == 1

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leave()

    def doubt(self) -> None:
        self._doubtful = True

    def narrow(self) -> None:
        self._width, self._good = 1, 0

    def went_well(self) -> None:
        self._doubtful = False
        if self._width < self._full:
            self._good += 1
            if self._good >= GOOD_ANSWERS * self._width:
                self._good = 0
                self._width += 1
        self._let_in()

    @property
    def _limit(self) -> int:
        return 1 if self._doubtful else self._width

    async def _wait(self) -> None:
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():  # its turn had come already
                self._leave()
            raise

    def _leave(self) -> None:
        self._inside -= 1
        self._let_in()

    def _let_in(self) -> None:
        while self._waiting and self._inside < self._limit:
            turn = self._waiting.popleft()
            if not turn.done():
                self._inside += 1
                turn.set_result(None)
