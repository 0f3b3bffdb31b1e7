"""One server to a database: a second one would end the first one's jobs."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dockrev.db.database import storage_errors
from dockrev.errors import StorageError


@contextmanager
def only_server(path: Path, remedy: str = "stop it, or set another DOCKREV_DB_PATH") -> Iterator[None]:
    """Held for as long as the block runs; the kernel gives it back after any kind of death."""
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        held = path.with_name(f"{path.name}.lock").open("w")
    with held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise StorageError(f"database {path}: another Dockrev server uses it; {remedy}") from error
        yield
