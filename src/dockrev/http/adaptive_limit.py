"""A limit on how many requests run at once. It shrinks after a refusal and grows back slowly."""

import asyncio
from collections import deque
from types import TracebackType

SUCCESSES_TO_GROW = 8
"""The limit grows by one after this many successes for each request that may run at once."""


class AdaptiveLimit:
    """`async with limit` waits for a place. Its value says whether this request runs alone.

    `shrink` leaves one place; each row of successes adds one again. `probe` lets one request at a time
    through, whatever the limit is, until a request succeeds.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._current = most
        self._probing = False
        self._running = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._successes = 0

    async def __aenter__(self) -> bool:
        if self._waiting or self._running >= self._places:
            await self._wait()
        else:
            self._running += 1
        return self._places == 1

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leave()

    def probe(self) -> None:
        self._probing = True

    def shrink(self) -> None:
        self._current, self._successes = 1, 0

    def succeeded(self) -> None:
        self._probing = False
        if self._current < self._most:
            self._successes += 1
            if self._successes >= SUCCESSES_TO_GROW * self._current:
                self._successes = 0
                self._current += 1
        self._admit()

    @property
    def _places(self) -> int:
        return 1 if self._probing else self._current

    async def _wait(self) -> None:
        place = asyncio.get_running_loop().create_future()
        self._waiting.append(place)
        try:
            await place
        except asyncio.CancelledError:
            if not place.cancelled():  # the place was given before the cancellation arrived
                self._leave()
            raise

    def _leave(self) -> None:
        self._running -= 1
        self._admit()

    def _admit(self) -> None:
        while self._waiting and self._running < self._places:
            place = self._waiting.popleft()
            if not place.done():
                self._running += 1
                place.set_result(None)
