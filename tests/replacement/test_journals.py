"""The behaviour that all journals share: in memory, in a file, and in the database of the server."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from dockrev.clock import SystemClock
from dockrev.db.database import Database
from dockrev.errors import StorageError
from dockrev.jobs.feed import LogFeed
from dockrev.jobs.models import JobTarget, NewJob, Reason, Scope
from dockrev.jobs.store import JobStore
from dockrev.replacement.facts import UnreadableJournal
from dockrev.replacement.file_journal import FileJournal
from dockrev.replacement.memory_journal import Killed, KillPoint, MemoryJournal
from dockrev.replacement.ports import Journal
from dockrev.replacement.replace import PROJECT
from dockrev.updates.store import SqlJournal


@pytest.fixture(params=["memory", "file", "sql"])
async def journal(
    request: pytest.FixtureRequest, tmp_path: Path, database: Database
) -> AsyncIterator[Journal]:
    if request.param == "memory":
        yield MemoryJournal()
    elif request.param == "file":
        yield FileJournal(tmp_path / "journal.json")
    else:
        clock = SystemClock()
        job = NewJob("job_1", "update", JobTarget(Scope.ALL), "test", Reason.UI)
        await JobStore(database, LogFeed(), clock).start(job, None)
        yield SqlJournal(database, clock, "job_1", "stk_blog")


async def test_a_journal_keeps_entries_by_subject_and_in_order(journal: Journal) -> None:
    await journal.write("svc_web", "record", {"schema": 1, "image": "old", "ids": ["a", "b"], "none": None})
    await journal.write("svc_web", "pull", {"image": "new"})
    await journal.write(PROJECT, "backup", {"id": "bkp_1"})

    entries = await journal.read("svc_web")
    assert list(entries) == ["record", "pull"]
    assert entries["record"] == {"schema": 1, "image": "old", "ids": ["a", "b"], "none": None}
    assert await journal.read(PROJECT) == {"backup": {"id": "bkp_1"}}
    assert await journal.read("svc_db") == {}


async def test_an_entry_that_is_written_again_replaces_the_first(journal: Journal) -> None:
    await journal.write("svc_web", "outcome", {"status": "updated"})
    await journal.write("svc_web", "outcome", {"status": "rolled_back"})

    assert await journal.read("svc_web") == {"outcome": {"status": "rolled_back"}}


async def test_a_file_outlives_its_process_and_is_complete_at_any_moment(tmp_path: Path) -> None:
    path = tmp_path / "journal.json"
    await FileJournal(path).write("svc_web", "pull", {"image": "new"})
    (tmp_path / "journal.json.new").write_text(
        '{"format": 1, "subj'
    )  # a process was killed while it wrote this

    assert await FileJournal(path).read("svc_web") == {"pull": {"image": "new"}}
    await FileJournal(path).write("svc_web", "tag", {})
    assert list(await FileJournal(path).read("svc_web")) == ["pull", "tag"]
    assert json.loads(path.read_text())["format"] == 1


@pytest.mark.parametrize(
    ("content", "why"),
    [('{"format": 2, "subjects": {}}', "has format 2; this release reads 1"), ("{", "is damaged")],
)
async def test_an_unreadable_file_is_refused_and_kept(tmp_path: Path, content: str, why: str) -> None:
    path = tmp_path / "journal.json"
    path.write_text(content)

    with pytest.raises(UnreadableJournal, match=why):
        await FileJournal(path).read("svc_web")
    with pytest.raises(UnreadableJournal, match=why):
        await FileJournal(path).write("svc_web", "pull", {})
    assert path.read_text() == content


async def test_a_file_that_cannot_be_written_is_a_storage_error(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="cannot be written"):
        await FileJournal(tmp_path / "missing" / "journal.json").write("svc_web", "pull", {})


@pytest.mark.parametrize(("kill_point", "stored"), [(KillPoint.BEFORE_WRITE, 0), (KillPoint.AFTER_WRITE, 1)])
async def test_a_simulated_kill_loses_the_write_or_keeps_it(kill_point: KillPoint, stored: int) -> None:
    journal = MemoryJournal(1, kill_point)

    with pytest.raises(Killed):
        await journal.write("svc_web", "pull", {})

    assert len(await journal.read("svc_web")) == stored
