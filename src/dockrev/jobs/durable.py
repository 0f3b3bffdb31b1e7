"""
DBOS Transact behind one small port: a workflow for each job, remembered across crashes.

DBOS keeps its tables in a SQLite file of its own beside ours. The version it is given is that of our
workflows, not of the release, so that a new release recognises the jobs an old one left behind.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from dbos import DBOS, DBOSConfig, SetWorkflowID

from dockrev.db.database import storage_errors
from dockrev.errors import StorageError

_WORKFLOW_VERSION = "1"
_INTERRUPTED = "PENDING"

START_SECONDS = 10.0


class DurableWorkflows:
    """Runs `body(job_id)` as a workflow of that id. One instance a process, which is DBOS' own rule.

    Raises StorageError when the file cannot be used.
    """

    def __init__(
        self, path: Path, body: Callable[[str], Awaitable[None]], start_seconds: float = START_SECONDS
    ) -> None:
        self._path = path
        self._start_seconds = start_seconds
        DBOS(
            config=DBOSConfig(
                name="dockrev",
                system_database_url=f"sqlite:///{path}",
                application_version=_WORKFLOW_VERSION,
                executor_id="local",
                log_level="WARNING",
            )
        )

        async def run(job_id: str) -> None:
            await body(job_id)

        self._run = DBOS.workflow(name="job")(run)

    def launch(self) -> None:
        """Call it inside the running loop: the workflows run there. Recovers what a crash interrupted."""
        try:
            with storage_errors(self._path), _untold():
                DBOS.launch()
        except StorageError:
            DBOS.destroy(destroy_registry=True)  # else it answers for this file in the next attempt, too
            raise

    async def start(self, job_id: str) -> None:
        """DBOS itself would wait for ever for a locked file; what it starts too late finds its job ended."""
        try:
            async with asyncio.timeout(self._start_seconds):
                with storage_errors(self._path), SetWorkflowID(job_id):
                    await DBOS.start_workflow_async(self._run, job_id)
        except TimeoutError as error:
            raise StorageError(
                f"database {self._path}: it does not answer; another program may hold its lock"
            ) from error

    async def ensure(self, job_id: str) -> None:
        """Whatever DBOS remembers of it, the workflow runs from now on.

        Launching recovers what a crash interrupted. Started anew is what had no workflow yet, and what an
        orderly stop let end without its job.
        """
        with storage_errors(self._path):
            status = await DBOS.get_workflow_status_async(job_id)
        if status is not None and status.status == _INTERRUPTED:
            return
        if status is not None:
            await self.forget([job_id])
        await self.start(job_id)

    async def forget(self, job_ids: Sequence[str]) -> None:
        if job_ids:
            with storage_errors(self._path):
                await DBOS.delete_workflows_async(list(job_ids))

    async def close(self) -> None:
        # DBOS made its threads those of the whole loop, and ends them now.
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor())
        await asyncio.to_thread(DBOS.destroy, destroy_registry=True)


@contextmanager
def _untold() -> Iterator[None]:
    """DBOS both logs and raises what keeps it from launching."""
    logger = logging.getLogger("dbos")
    logger.disabled = True
    try:
        yield
    finally:
        logger.disabled = False
