"""Migrates a database file to the schema of this release, forward only and all or nothing."""

import sqlite3
from contextlib import closing
from pathlib import Path

from dockrev.errors import StorageError

HEAD = "0009"
"""The newest revision in `migrations/versions`. A test compares the two."""

_SCRIPTS = Path(__file__).parent / "migrations"
_SNAPSHOT = Path(__file__).parent / "schema.sql"
"""The schema that the migrations build, and its revision. `scripts/write-schema` writes the file."""


def migrate(path: Path) -> None:
    """Raises StorageError when the file was written by a newer release."""
    stored = revision(path) or _create(path)
    if stored == HEAD:
        return
    from alembic import command  # noqa: PLC0415 -- slow to import, and only needed once a release
    from alembic.config import Config  # noqa: PLC0415
    from alembic.script import ScriptDirectory  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    config.attributes["path"] = path
    revisions = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if stored not in revisions:
        raise StorageError(
            f"database {path}: it was written by a newer Dockrev (schema {stored}; this release: {HEAD}); "
            "start that release again, or restore the backup made before the upgrade"
        )
    command.upgrade(config, "head")


def _create(path: Path) -> str | None:
    """Builds the tables of a new file. Alembic could too, but it needs 13 MB of memory."""
    try:
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.executescript(_SNAPSHOT.read_text(encoding="utf-8"))
    except sqlite3.OperationalError:
        if revision(path) is None:
            raise  # otherwise another process has built them in the meantime
    return revision(path)


def revision(path: Path) -> str | None:
    """The schema revision of an existing file; None for a new or empty one."""
    if not path.exists():
        return None
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
        has_table = connection.execute(
            "SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'"
        ).fetchone()
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone() if has_table else None
    return str(row[0]) if row else None
