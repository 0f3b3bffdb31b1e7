"""The migrations build exactly the schema of the code, and only go forward."""

import asyncio
import pkgutil
import re
import sqlite3
import sys
from contextlib import closing
from importlib import import_module
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import URL, Engine, create_engine

import dockrev
from dockrev.db.database import Database
from dockrev.db.migrate import HEAD, migrate, revision
from dockrev.db.schema import metadata
from dockrev.errors import StorageError
from dockrev.oci.digest import Digest
from dockrev.oci.platform import Platform
from dockrev.versions.models import DigestKey, InferenceReason, Lookup
from dockrev.versions.tasks import TaskStore

VERSIONS = Path(dockrev.__file__).parent / "db" / "migrations" / "versions"

DECLARING = {
    "store",
    "schedule_runs",
    "settings",
    "tasks",
    "spend",
    "reservations",
    "tables",
}

for module in pkgutil.walk_packages(dockrev.__path__, "dockrev."):
    if module.name.rpartition(".")[2] in DECLARING:
        import_module(module.name)


def engine_of(path: Path) -> Engine:
    return create_engine(URL.create("sqlite", database=str(path)))


def schema_of(path: Path) -> dict[str, list[str]]:
    """The sorted parts of the DDL, by name. SQLite puts an added column after the constraints."""
    query = "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL AND name != 'alembic_version'"
    with closing(sqlite3.connect(path)) as connection:
        return {name: parts_of(sql) for name, sql in connection.execute(query)}


def parts_of(ddl: str) -> list[str]:
    head, _, body = " ".join(ddl.replace('"', "").split()).partition(" (")
    parts = re.split(r",\s(?![^()]*\))", body.removesuffix(")").strip())
    return [head, *sorted(part.strip() for part in parts)]


FIRST_ROWS = """
INSERT INTO stacks VALUES ('stk_1', 'blog', '[]', 1, 0, NULL, NULL, 'now', 'now', 'now');
INSERT INTO services VALUES ('svc_1', 'stk_1', 'web', 'web', 0, 1, '{}', 1, '{}', 'https://example.org',
    0, NULL, NULL, NULL, 'now', 'now');
INSERT INTO jobs VALUES ('job_1', 'check', 'all', NULL, NULL, 'success', 'ivan', 'ui', 'now', 'now', 'now', 0,
    'inherit', '{}', NULL);
INSERT INTO job_logs VALUES (7, 'job_1', 'now', 'info', 'hello', 0);
"""


def _migrated_to(path: Path, target: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(VERSIONS.parent))
    config.attributes["path"] = path
    command.upgrade(config, target)


def test_the_migrations_build_the_schema_of_the_code(tmp_path: Path) -> None:
    migrate(tmp_path / "migrated.db")
    declared = engine_of(tmp_path / "declared.db")
    metadata.create_all(declared)
    declared.dispose()
    assert schema_of(tmp_path / "migrated.db") == schema_of(tmp_path / "declared.db")


def test_a_new_file_has_the_schema_of_the_migrations(tmp_path: Path) -> None:
    """If this fails, run scripts/write-schema."""
    assert f"VALUES('{HEAD}')" in (VERSIONS.parents[1] / "schema.sql").read_text()
    migrate(tmp_path / "created.db")
    _migrated_to(tmp_path / "migrated.db", "head")
    assert content_of(tmp_path / "created.db") == content_of(tmp_path / "migrated.db")


def content_of(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        return sorted(connection.iterdump())


def test_alembic_finds_nothing_left_to_do(tmp_path: Path) -> None:
    migrate(tmp_path / "x.db")
    engine = engine_of(tmp_path / "x.db")
    with engine.connect() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), metadata)
    engine.dispose()
    assert differences == []


def test_every_table_of_the_code_is_compared() -> None:
    declaring = {
        path for path in Path(dockrev.__file__).parent.rglob("*.py") if " = Table(\n" in path.read_text()
    }
    assert {path.stem for path in declaring} <= DECLARING
    assert {"jobs", "job_logs", "schedule_ticks", "settings", "stacks", "services"} <= metadata.tables.keys()


def test_head_is_the_newest_revision_file() -> None:
    assert max(path.name.partition("_")[0] for path in VERSIONS.glob("[0-9]*.py")) == HEAD


def test_a_new_file_has_no_revision_and_a_migrated_file_has_the_newest(tmp_path: Path) -> None:
    assert revision(tmp_path / "x.db") is None
    migrate(tmp_path / "x.db")
    assert revision(tmp_path / "x.db") == HEAD


def test_migrating_twice_changes_nothing(tmp_path: Path) -> None:
    migrate(tmp_path / "x.db")
    before = schema_of(tmp_path / "x.db")
    migrate(tmp_path / "x.db")
    assert schema_of(tmp_path / "x.db") == before


def test_an_empty_file_is_migrated(tmp_path: Path) -> None:
    (tmp_path / "x.db").touch()
    migrate(tmp_path / "x.db")
    assert revision(tmp_path / "x.db") == HEAD


def test_a_migration_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    """A table already has the name of the last table that the first migration creates."""
    path = tmp_path / "x.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE services (id)")
    before = schema_of(path)
    with pytest.raises(Exception, match="already exists"):
        migrate(path)
    assert schema_of(path) == before
    assert revision(path) is None


def test_every_row_survives_the_copy_of_its_table(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    _migrated_to(path, "0001")
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(FIRST_ROWS)
    migrate(path)
    with closing(sqlite3.connect(path)) as connection:
        counts = {
            table: connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
            for table in ("stacks", "services", "jobs", "job_logs")
        }
        assert counts == {"stacks": 1, "services": 1, "jobs": 1, "job_logs": 1}
        assert connection.execute("SELECT name, config_digest, repo_url FROM services").fetchall() == [
            ("web", "", "https://example.org")
        ]
        assert connection.execute("SELECT id, cancel_requested FROM jobs").fetchall() == [("job_1", 0)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []


def test_the_upgrade_keeps_the_services_of_an_update(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    _migrated_to(path, "0001")
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(FIRST_ROWS)
    _migrated_to(path, "0003")
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("INSERT INTO update_reservations VALUES ('svc_1', 'job_1')")
    migrate(path)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT * FROM reservations").fetchall() == [("svc_1", "job_1")]


def test_the_upgrade_keeps_order_and_purpose_of_held_containers(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    _migrated_to(path, "0005")
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(
            "INSERT INTO backups (id, stack_id, project, status, created_at, artifact_path, targets)"
            " VALUES ('bkp_1', 'stk_1', 'blog', 'success', '2026-01-02', '/x', '[]')"
        )
        connection.executemany(
            "INSERT INTO suspended_containers (container_id, name, manner, backup_id)"
            " VALUES (?, ?, ?, 'bkp_1')",
            [("c", "web", "stopped"), ("a", "db", "paused"), ("b", "cache", "stopped_for_restore")],
        )
    migrate(path)
    with closing(sqlite3.connect(path)) as connection:
        held = connection.execute(
            "SELECT container_id, name, mode, for_restore FROM suspended_containers ORDER BY position"
        ).fetchall()
    assert held == [("c", "web", "stop", 0), ("a", "db", "pause", 0), ("b", "cache", "stop", 1)]


def test_the_upgrade_dates_a_stored_digest_from_the_newest_check(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    _migrated_to(path, "0004")
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(
            "INSERT INTO image_tags (repository, tag, digest, checked_at) VALUES"
            " ('r/web', '1', 'sha256:a', '2026-01-02'), ('r/web', '2', NULL, '2026-01-02')"
        )
    migrate(path)
    with closing(sqlite3.connect(path)) as connection:
        since = connection.execute("SELECT tag, digest_since FROM image_tags ORDER BY tag").fetchall()
    assert since == [("1", "2026-01-02"), ("2", None)]


def test_the_upgrade_numbers_log_lines_and_keeps_the_order_of_held_containers(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    _migrated_to(path, "0001")
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(FIRST_ROWS)
    _migrated_to(path, "0005")
    with closing(sqlite3.connect(path)) as connection, connection:
        for number in (9, 12):
            connection.execute(f"INSERT INTO job_logs VALUES ({number}, 'job_1', 'now', 'info', 'more', 0)")
        for container in ("b", "a"):
            connection.execute(
                f"INSERT INTO suspended_containers VALUES ('{container}', 'x', 'paused', 'bkp')"
            )
    migrate(path)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT id, seq FROM job_logs ORDER BY id").fetchall() == [
            (7, 1),
            (9, 2),
            (12, 3),
        ]
        assert connection.execute("SELECT host_id, last_seq FROM jobs").fetchall() == [("local", 3)]
        held = connection.execute(
            "SELECT container_id FROM suspended_containers ORDER BY position"
        ).fetchall()
        assert held == [("b",), ("a",)]


def test_the_upgrade_assigns_all_rows_to_the_local_host(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    _migrated_to(path, "0001")
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(FIRST_ROWS)
    _migrated_to(path, "0006")
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(
            """
            INSERT INTO discovered_projects (project, stack_id, status, last_scan_at, archived, archived_at)
                VALUES ('blog', 'stk_1', 'active', 'now', 1, 'then'),
                    ('shop', NULL, 'invalid', 'now', 0, NULL);
            INSERT INTO backups (id, stack_id, project, job_id, status, created_at, artifact_path, targets)
                VALUES ('bkp_1', 'stk_1', 'blog', 'job_1', 'running', 'now', '/data/1', '[]');
            INSERT INTO suspended_containers VALUES ('c2', 'blog-web-2', 'paused', 'bkp_1', 1),
                ('c1', 'blog-web-1', 'paused', 'bkp_1', 2);
            """
        )
    migrate(path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA foreign_keys = ON")
        assert connection.execute("SELECT * FROM hosts").fetchall() == [("local", "local", "local", None)]
        assert connection.execute("SELECT id, host_id, name FROM stacks").fetchall() == [
            ("stk_1", "local", "blog")
        ]
        assert connection.execute(
            "SELECT host_id, project, stack_id, archived_at FROM discovered_projects"
        ).fetchall() == [("local", "blog", "stk_1", "then"), ("local", "shop", None, None)]
        assert connection.execute("SELECT host_id, id, job_id FROM backups").fetchall() == [
            ("local", "bkp_1", "job_1")
        ]
        held = connection.execute("SELECT host_id, container_id FROM suspended_containers ORDER BY position")
        assert held.fetchall() == [("local", "c2"), ("local", "c1")]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        connection.execute("INSERT INTO hosts VALUES ('garage', 'garage', 'agent', 'garage:9')")
        twin = (
            "INSERT INTO stacks SELECT 'stk_2', ?, name, compose_files, runtime_known, archived, archived_at,"
        )
        twin += " archived_reason, created_at, updated_at, last_check_at FROM stacks WHERE id = 'stk_1'"
        connection.execute(twin, ["garage"])
        with pytest.raises(sqlite3.IntegrityError, match="UNIQUE"):
            connection.execute(twin.replace("stk_2", "stk_3"), ["garage"])


async def test_the_upgrade_keeps_a_stored_task(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    _migrated_to(path, "0007")
    digest, moment = f"sha256:{'a' * 64}", "2026-01-02T03:04:05.000000Z"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(
            "INSERT INTO inference_tasks VALUES (?, ?, ?, 'force', 'queued', ?, NULL, ?, 0, NULL)",
            ("ghcr.io/acme/web", digest, "linux/amd64", moment, moment),
        )
    migrate(path)
    async with Database.open(path) as database:
        (task,) = await TaskStore(database).load()
    key = DigestKey("ghcr.io/acme/web", Digest(digest), Platform("linux", "amd64"))
    assert task.lookup == Lookup(key, InferenceReason.FORCE)


async def test_a_file_of_a_newer_release_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    migrate(path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.commit()
    before = path.read_bytes()
    with pytest.raises(StorageError, match="newer Dockrev \\(schema 9999") as raised:
        async with Database.open(path):
            pass
    assert str(path) in raised.value.message
    assert path.read_bytes() == before


async def test_two_processes_can_migrate_the_same_file_at_once(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    migration = (
        "-c",
        f"from pathlib import Path; from dockrev.db.migrate import migrate; migrate(Path({str(path)!r}))",
    )
    both = [await asyncio.create_subprocess_exec(sys.executable, *migration) for _ in range(2)]
    assert [await process.wait() for process in both] == [0, 0]
    assert revision(path) == HEAD
