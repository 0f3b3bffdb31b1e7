"""
Runs jobs as tasks of this process.

The four calls of `Dispatcher` are a port. A durable queue on PostgreSQL (DBOS, one queue for each host) can
stand behind them later, and they promise no more than both can keep:

* The id of a job is the id of its execution: a second submit of the same id does nothing.
* Progress is kept in the job's own record. After a crash the body runs again from its start.
* A cancel is only a signal to the body. The body ends the job and its record.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable

import structlog

log = structlog.get_logger()

Body = Callable[[str, asyncio.Event], Awaitable[None]]
"""Gets the id of the job, and an event that is set when a user cancels the job."""


class Dispatcher:
    def __init__(self, body: Body) -> None:
        self._body = body
        self._cancels: dict[str, asyncio.Event] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def submit(self, job_id: str) -> None:
        if job_id in self._cancels:
            return
        cancelled = self._cancels[job_id] = asyncio.Event()
        task = asyncio.create_task(self._execute(job_id, cancelled))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def cancel(self, job_id: str) -> None:
        """Does nothing for a job that does not run in this process."""
        if cancelled := self._cancels.get(job_id):
            cancelled.set()

    async def resume_unfinished(self, job_ids: Iterable[str]) -> None:
        """At start: runs the jobs again that an earlier process did not finish."""
        for job_id in job_ids:
            await self.submit(job_id)

    async def stop(self) -> None:
        """Waits until every body has ended. The caller asks the bodies to end first."""
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _execute(self, job_id: str, cancelled: asyncio.Event) -> None:
        try:
            await self._body(job_id, cancelled)
        except Exception:
            log.exception("The execution of a job crashed", action="job.execution_crashed", job_id=job_id)
        finally:
            del self._cancels[job_id]
