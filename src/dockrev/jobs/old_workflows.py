"""Earlier releases kept the jobs of a server in a second database file as well. It is not needed any more."""

from pathlib import Path

import structlog

log = structlog.get_logger()


def delete_workflow_files(db_path: Path) -> None:
    """Deletes the file and what SQLite leaves beside it. Call it when all unfinished jobs are resumed."""
    file = db_path.with_suffix(".workflows.sqlite3")
    for suffix in ("", "-wal", "-shm", "-journal"):
        old = file.with_name(f"{file.name}{suffix}")
        try:
            old.unlink()
        except FileNotFoundError:
            continue
        except OSError as error:
            log.warning(
                "An old file could not be deleted; delete it by hand",
                action="jobs.old_workflows_kept",
                path=str(old),
                cause=error.strerror,
            )
        else:
            log.info("Deleted an old file that held jobs", action="jobs.old_workflows_deleted", path=str(old))
