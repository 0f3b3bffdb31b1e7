"""Dockrev deletes the second database file of earlier releases."""

import sqlite3
from contextlib import closing
from pathlib import Path

from structlog.testing import capture_logs

from dockrev.jobs.old_workflows import delete_workflow_files


def test_the_file_and_its_sqlite_side_files_are_deleted(tmp_path: Path) -> None:
    db_path = tmp_path / "dockrev.sqlite3"
    db_path.touch()
    old = tmp_path / "dockrev.workflows.sqlite3"
    with closing(sqlite3.connect(old)) as database:
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("CREATE TABLE workflow_status (id)")
        assert (tmp_path / f"{old.name}-wal").exists()
        delete_workflow_files(db_path)
    assert [path.name for path in tmp_path.iterdir()] == ["dockrev.sqlite3"]

    with capture_logs() as logs:
        delete_workflow_files(db_path)
    assert logs == []


def test_a_file_that_cannot_be_deleted_is_named_in_the_log(tmp_path: Path) -> None:
    (tmp_path / "dockrev.workflows.sqlite3").mkdir()
    with capture_logs() as logs:
        delete_workflow_files(tmp_path / "dockrev.sqlite3")
    assert [line["action"] for line in logs] == ["jobs.old_workflows_kept"]
    assert logs[0]["path"].endswith("dockrev.workflows.sqlite3")
