"""Runtime scans that nobody asks for: at start, and then in fixed intervals."""

import asyncio

import structlog

from dockrev.errors import AppError
from dockrev.runtime_scans.jobs import RuntimeScanJobs

log = structlog.get_logger()


class RuntimeScanTimer:
    def __init__(self, scans: RuntimeScanJobs, interval_seconds: float) -> None:
        self._scans = scans
        self._interval_seconds = interval_seconds

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                await self._scans.start_scheduled()
            except AppError as error:
                log.warning(
                    "Runtime scan not started", action="runtime_scan.not_started", cause=error.message
                )
            await asyncio.sleep(self._interval_seconds)
