"""The lock file beside the database. It allows one server for each database."""

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

    A second server would end the jobs of the first one. The lock file is beside the real database file, so
    that symlinks lead to the same lock. Raises DatabaseInUse when another server holds it.
    """
    path = Path(os.path.realpath(path))
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        lock_file = path.with_name(f"{path.name}.lock").open("w")
    with lock_file:
        try:
            fcntl.flock(lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise DatabaseInUse(f"database {path}: another Dockrev server uses it; {remedy}") from error
        yield
