"""A scanner that runs the code of a test, for tests of code that starts scans."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime

from dockrev.discovery.models import Action, ActionKind, ScanResult
from dockrev.discovery.scan import Report, Scanner
from dockrev.hosts.local import LOCAL

OnScan = Callable[[], Awaitable[Mapping[str, str]]]
"""Returns the reasons why projects are unusable, by stack id. What it raises, the scan raises."""


class ScriptedScanner(Scanner):
    def __init__(self, on_scan: OnScan, host_id: str = LOCAL) -> None:
        self._on_scan = on_scan
        self._host_id = host_id

    @property
    def host_id(self) -> str:
        return self._host_id

    async def scan(self, report: Report = lambda _done, _total, _project: None) -> ScanResult:  # noqa: ARG002
        problems = await self._on_scan()
        actions = (Action("blog", ActionKind.FAILED, stack_id, why) for stack_id, why in problems.items())
        return ScanResult(datetime(2026, 1, 1, tzinfo=UTC), 0, 0, tuple(actions))
