"""A scanner whose tests can wait for the end of a scan."""

import asyncio
from collections.abc import Awaitable, Callable

from dockrev.clock import Clock
from dockrev.discovery.models import ScanResult
from dockrev.discovery.scan import Report, Scanner
from dockrev.discovery.store import ProjectStore
from dockrev.hosts.host import Host
from dockrev.stacks.store import StackStore


class CountedScanner(Scanner):
    """`ended` counts all finished scans, successful and failed."""

    def __init__(self, host: Host, stacks: StackStore, projects: ProjectStore, clock: Clock) -> None:
        super().__init__(host, stacks, projects, clock)
        self.ended = 0
        self._changed = asyncio.Condition()

    async def scan(self, report: Report = lambda _done, _total, _project: None) -> ScanResult:
        try:
            return await super().scan(report)
        finally:
            async with self._changed:
                self.ended += 1
                self._changed.notify_all()

    async def reached(self, count: int, seconds: float = 30) -> None:
        async with asyncio.timeout(seconds), self._changed:
            await self._changed.wait_for(lambda: self.ended >= count)

    async def until(self, condition: Callable[[], Awaitable[bool]]) -> None:
        """Checks the condition after each scan."""
        while True:
            ended = self.ended
            if await condition():
                return
            await self.reached(ended + 1)

    async def next_success(self) -> None:
        async with asyncio.timeout(30), self._changed:
            await self._changed.wait_for(lambda: self.last is not None and self.last.error is None)
