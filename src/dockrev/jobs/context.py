"""What the handler of a job may do with its job: log, send events, show progress, notice a cancel."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress

from dockrev.clock import Clock
from dockrev.errors import StorageError
from dockrev.jobs.events import Event, JobEvent
from dockrev.jobs.models import Job, JobProgress, Level, ProgressDocument
from dockrev.jobs.store import JobStore

_PROGRESS_SECONDS = 0.5


class JobContext:
    def __init__(self, job: Job, store: JobStore, clock: Clock, cancel_requested: asyncio.Event) -> None:
        self.job = job
        self._store = store
        self._clock = clock
        self.cancel_requested = cancel_requested
        self._latest: ProgressDocument | None = None
        self._changed = asyncio.Event()

    async def log(self, message: str, level: Level = Level.INFO) -> None:
        await self._store.add_log(self.job.id, level, message)

    async def event(self, event: JobEvent) -> None:
        await self._store.add_event(self.job.id, event)

    async def events(self, model: type[Event]) -> Sequence[Event]:
        """The events of this model so far, in their order; also those of earlier processes."""
        return await self._store.events(self.job.id, model)

    def progress(self, progress: JobProgress) -> None:
        """Call it as often as you like: it stores and sends only the newest state, at most twice a second."""
        self._latest = ProgressDocument.of(progress, self._clock.now())
        self._changed.set()

    async def flush(self) -> None:
        """Progress that could not be stored, or whose storing was cancelled, stays for the next flush."""
        latest = self._latest
        if latest is not None:
            await self._store.set_progress(self.job.id, latest)
            if self._latest is latest:
                self._latest = None

    async def keep_flushing(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            with suppress(StorageError):  # newer progress follows, or the end of the job
                await self.flush()
            await asyncio.sleep(_PROGRESS_SECONDS)
