"""The lock beside the database: one server for each database."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dockrev.db.database import storage_errors
from dockrev.errors import DatabaseInUse


@contextmanager
def only_server(path: Path, remedy: str = "stop it, or set another DOCKREV_DB_PATH") -> Iterator[None]:
    """Holds the lock while the block runs. The kernel releases it when the process ends, however it ends.

    A second server would end the jobs of the first one. The lock stands beside the real file, so that links
    lead to the same lock. Raises DatabaseInUse when another server holds it.
    """
    path = Path(os.path.realpath(path))
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        held = path.with_name(f"{path.name}.lock").open("w")
    with held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise DatabaseInUse(f"database {path}: another Dockrev server uses it; {remedy}") from error
        yield
