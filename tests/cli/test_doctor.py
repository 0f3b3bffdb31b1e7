"""`dockrev doctor` prints a line for each self-check, and says how to repair what fails."""

import json
import os
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import insert

from dockrev.db import migrate
from dockrev.db.database import Database
from dockrev.settings.store import settings
from tests.cli.command import Cli, CommandResult
from tests.docker.certificates import make_authority
from tests.e2e.server_process import ServerProcess
from tests.fakes.host import FakeHost
from tests.stacks.building import NOON
from tests.testbed.requirements import COMPOSE_V2

STATUSES = {"ok", "warn", "fail"}


def findings(result: CommandResult) -> dict[str, tuple[str, str]]:
    """Status and text by the id of the check. Each line is one finding."""
    by_check = {}
    for line in result.out.splitlines():
        status, check_id, text = line.split(maxsplit=2)
        assert status in STATUSES, line
        by_check[check_id] = (status, text)
    return by_check


async def test_every_check_is_ok_on_a_sound_host(cli: Cli, host: FakeHost) -> None:
    host.deploy("blog", {"web": "127.0.0.1:5000/web:1"})
    host.deploy("shop", {"web": "127.0.0.1:5000/web:1"})
    result = await cli.run("doctor", DOCKREV_AUTH_ALLOWED_USER="alice", DOCKREV_TRUSTED_PROXIES="127.0.0.1")
    by_check = findings(result)
    assert (result.code, result.err) == (0, "")
    assert {check_id: status for check_id, (status, _) in by_check.items()} == dict.fromkeys(
        ("version", "engine", "projects", "compose", "database", "secret-key", "logins", "access"), "ok"
    )
    assert by_check["projects"][1] == "2 with containers: blog, shop"
    assert "20.10.24, API 1.41, linux/amd64" in by_check["engine"][1]
    assert by_check["compose"][1].endswith(f"({COMPOSE_V2})")
    assert by_check["database"][1].endswith("does not exist yet; the server will create it")
    assert "alice" not in result.out


async def test_doctor_changes_no_file(cli: Cli, host: FakeHost) -> None:
    before = set(cli.directory.rglob("*"))
    await cli.run("doctor")
    assert set(cli.directory.rglob("*")) - before == {cli.scratch}


async def test_every_fault_is_reported(tmp_path: Path) -> None:
    garbage = tmp_path / "garbage.sqlite3"
    garbage.write_text("no database at all " * 100)
    login = tmp_path / "config.json"
    login.write_text('{"auths": ')
    result = await Cli(tmp_path, "unix:///nowhere/docker.sock").run(
        "doctor",
        DOCKREV_COMPOSE_BIN="/nowhere/compose",
        DOCKREV_DB_PATH=str(garbage),
        DOCKREV_DOCKER_CONFIG=str(login),
        DOCKREV_AUTH_ALLOW_ANONYMOUS_IN_DEV="false",
        DOCKREV_CHECK_CONCURRENCY="7",
    )
    by_check = findings(result)
    assert (result.code, result.err) == (2, "")
    assert {check_id for check_id, (status, _) in by_check.items() if status == "fail"} == {
        "engine",
        "compose",
        "database",
        "logins",
        "access",
    }
    assert by_check["configuration"][0] == "warn"
    assert "There is no Docker socket at /nowhere/docker.sock" in by_check["engine"][1]
    assert "/nowhere/compose" in by_check["compose"][1]
    assert "not an SQLite database" in by_check["database"][1]
    assert str(login) in by_check["logins"][1]
    assert "nobody is let in" in by_check["access"][1]


async def test_anonymous_access_is_only_a_warning(cli: Cli) -> None:
    result = await cli.run("doctor")
    by_check = findings(result)
    assert result.code == 0
    assert by_check["access"][0] == "warn"
    assert "DOCKREV_AUTH_ALLOWED_USER" in by_check["access"][1]
    assert by_check["projects"] == ("warn", "no container of a Compose project exists on this engine")


@pytest.mark.parametrize("revision", ["9999", f"{int(migrate.HEAD) + 1:04}"])
async def test_a_database_of_a_newer_release_is_a_failure(cli: Cli, revision: str) -> None:
    path = cli.directory / "newer.sqlite3"
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("CREATE TABLE alembic_version (version_num VARCHAR(32))")
        database.execute("INSERT INTO alembic_version VALUES (?)", (revision,))
    result = await cli.run("doctor", DOCKREV_DB_PATH=str(path))
    assert result.code == 2
    assert f"written by a newer Dockrev (schema {revision}" in findings(result)["database"][1]


async def test_doctor_does_not_disturb_a_running_server(cli: Cli, host: FakeHost, tmp_path: Path) -> None:
    server = ServerProcess(tmp_path, host.docker_host)
    async with server.running():
        result = await cli.run("doctor", DOCKREV_DB_PATH=str(server.db_path))
        assert findings(result)["database"] == ("ok", f"{server.db_path}, schema {migrate.HEAD}")
        await server.ready()


async def test_registries_with_a_login_are_listed_without_the_login(cli: Cli) -> None:
    login = cli.directory / "config.json"
    auths = {"registry.example": {"username": "alice", "password": "hunter2"}}
    login.write_text(json.dumps({"auths": auths}))
    result = await cli.run("doctor", DOCKREV_DOCKER_CONFIG=str(login))
    assert findings(result)["logins"] == ("ok", f"{login}: registry.example")
    assert "hunter2" not in result.out + result.err


async def test_every_fault_of_the_configuration_has_its_own_line(cli: Cli) -> None:
    result = await cli.run("doctor", DOCKREV_HTTP_ADDR="here", DOCKREV_LOG_LEVEL="loud")
    assert (result.code, result.out) == (2, "")
    assert result.err.splitlines() == [
        "dockrev: DOCKREV_HTTP_ADDR: 'here' is not host:port",
        "dockrev: DOCKREV_LOG_LEVEL: 'loud' is not one of info, debug, warning, error",
    ]


async def test_control_characters_of_a_label_do_not_reach_the_terminal(cli: Cli, host: FakeHost) -> None:
    host.deploy("blog", {"web": "127.0.0.1:5000/web:1"})
    host.engine.containers[:] = [
        replace(container, project="\x1b[31mred") for container in host.engine.containers
    ]
    result = await cli.run("doctor")
    assert "\x1b" not in result.out + result.err
    assert "\\x1b[31mred" in result.out


async def test_a_missing_file_of_logins_is_a_warning(cli: Cli) -> None:
    result = await cli.run("doctor", DOCKREV_DOCKER_CONFIG="/nowhere/config.json")
    status, text = findings(result)["configuration"]
    assert (result.code, status) == (0, "warn")
    assert text.startswith("DOCKREV_DOCKER_CONFIG: there is no file /nowhere/config.json")


async def test_a_file_of_authorities_is_ok(cli: Cli) -> None:
    make_authority(cli.directory)
    certificates = cli.directory / "ca.pem"
    result = await cli.run("doctor", DOCKREV_REGISTRY_CA_FILE=str(certificates))
    assert findings(result)["authorities"] == ("ok", f"{certificates}, in addition to the machine's own")


async def test_a_file_of_authorities_without_certificates_is_a_failure(cli: Cli) -> None:
    path = cli.directory / "ca.pem"
    path.write_text("nothing of that kind")
    result = await cli.run("doctor", DOCKREV_REGISTRY_CA_FILE=str(path))
    assert result.code == 2
    assert findings(result)["authorities"] == (
        "fail",
        f"no certificates in {path} (DOCKREV_REGISTRY_CA_FILE)",
    )


@pytest.mark.parametrize("mode", ["delete", "wal"])
@pytest.mark.parametrize("lock", ["IMMEDIATE", "EXCLUSIVE"])
async def test_the_process_that_holds_the_lock_of_the_database_is_named(
    cli: Cli, mode: str, lock: str
) -> None:
    path = cli.directory / "held.sqlite3"
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute(f"PRAGMA journal_mode = {mode}")
        database.execute("CREATE TABLE kept (one)")
        database.execute(f"BEGIN {lock}")
        result = await cli.run("doctor", DOCKREV_DB_PATH=str(path))
        database.execute("COMMIT")
        freed = await cli.run("doctor", DOCKREV_DB_PATH=str(path))
    status, text = findings(result)["database"]
    assert (result.code, status) == (2, "fail")
    assert f"process {os.getpid()} (" in text
    assert "holds its write lock" in text
    assert findings(freed)["database"][0] == "ok"


async def test_a_directory_in_place_of_the_database_is_reported(cli: Cli) -> None:
    result = await cli.run("doctor", DOCKREV_DB_PATH=str(cli.directory))
    assert "it is a directory" in findings(result)["database"][1]


async def test_a_key_that_does_not_fit_the_stored_secrets_is_a_failure(cli: Cli) -> None:
    path = cli.directory / "dockrev.sqlite3"
    key, other = (Fernet.generate_key().decode() for _ in range(2))
    document = {"token": {"encrypted": Fernet(key).encrypt(b"t0ken").decode()}}
    async with Database.open(path) as database, database.write() as connection:
        row = {"section": "messages", "value": document, "updated_at": NOON, "updated_by": "ann"}
        await connection.execute(insert(settings).values(row))

    fits = await cli.run("doctor", DOCKREV_DB_PATH=str(path), DOCKREV_SECRET_KEY=key)
    assert findings(fits)["secret-key"] == ("ok", "fits the secrets in the database")

    foreign = await cli.run("doctor", DOCKREV_DB_PATH=str(path), DOCKREV_SECRET_KEY=other)
    status, text = findings(foreign)["secret-key"]
    assert (foreign.code, status) == (2, "fail")
    assert "DOCKREV_SECRET_KEY does not fit the secrets in the database" in text

    missing = await cli.run("doctor", DOCKREV_DB_PATH=str(path))
    assert findings(missing)["secret-key"][0] == "fail"
    assert not path.with_name(f"{path.name}.key").exists()
