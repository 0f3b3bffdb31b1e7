"""Another program may hold the lock of the workflows file: nobody waits for ever, no job stays running."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from dockrev.errors import StorageError
from dockrev.jobs.context import JobContext
from dockrev.jobs.models import JobFilter, JobOutcome, JobStatus
from tests.jobs.building import success
from tests.jobs.works import Works


async def succeed(_: JobContext) -> JobOutcome:
    return success(done=1)


async def test_a_workflows_file_that_stays_locked_is_told_and_ends_the_job(tmp_path: Path) -> None:
    async with Works.open(tmp_path) as works:
        with closing(sqlite3.connect(tmp_path / "workflows.sqlite3", isolation_level=None)) as rival:
            rival.execute("BEGIN EXCLUSIVE")
            with pytest.raises(StorageError, match="may hold its lock"):
                await works.submit(succeed)
            rival.execute("ROLLBACK")
        [job] = await works.jobs.store.page(JobFilter(), 1, None)
        assert (await works.ended(job.id)).status is JobStatus.FAILED
