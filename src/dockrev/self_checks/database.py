"""Checks that the database can be used. The server writes to it; a command only looks at the file."""

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path

from dockrev.db import lock_owner, migrate
from dockrev.db.database import Database, storage_errors
from dockrev.self_checks.check import CheckFinding, fail, ok


async def check_database(database: Database) -> Sequence[CheckFinding]:
    await database.try_writing()
    return ok(f"{database.path} is writable")


async def check_database_file(path: Path) -> Sequence[CheckFinding]:
    """Changes nothing and does not disturb a server that uses the file."""
    return await asyncio.to_thread(_check_file, path)


def _check_file(path: Path) -> Sequence[CheckFinding]:
    with storage_errors(path):
        process_id = lock_owner.writer(path)
        if process_id is not None:
            return fail(
                f"{path}: {_process_name(process_id)} holds its write lock and does not release it;"
                " stop that process, then try again"
            )
        schema = migrate.revision(path)
        writable = _is_writable(path)
    if not writable:
        return fail(f"{path} cannot be written by this user")
    if schema is None:
        return ok(f"{path} does not exist yet; the server will create it")
    if schema > migrate.HEAD:
        return fail(f"{path} was written by a newer Dockrev (schema {schema}; this release: {migrate.HEAD})")
    return ok(f"{path}, schema {schema}")


def _process_name(process_id: int) -> str:
    """`process_id` 0 stands for a process that is not visible from this container."""
    if not process_id:
        return "a process outside this container"
    try:
        program = Path(f"/proc/{process_id}/comm").read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        program = "it has just ended"
    return f"process {process_id} ({program})"


def _is_writable(path: Path) -> bool:
    """Checks the file, or else its nearest existing directory: the server creates missing directories."""
    nearest = next(ancestor for ancestor in (path, *path.parents) if ancestor.exists())
    return os.access(nearest, os.W_OK) and os.access(nearest if nearest.is_dir() else nearest.parent, os.W_OK)
