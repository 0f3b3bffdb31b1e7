"""`dockrev doctor`: a line for each part, and what to do about those that do not work."""

import json
import os
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from dockrev.db import migrate
from tests.cli.command import Cli, Said
from tests.docker.certificates import make_authority
from tests.e2e.server_process import ServerProcess
from tests.fakes.host import FakeHost
from tests.testbed.requirements import COMPOSE_V2

VERDICTS = {"ok", "warn", "fail"}


def findings(said: Said) -> dict[str, tuple[str, str]]:
    """Verdict and text by part; each line is one finding."""
    found = {}
    for line in said.out.splitlines():
        verdict, part, text = line.split(maxsplit=2)
        assert verdict in VERDICTS, line
        found[part] = (verdict, text)
    return found


async def test_all_is_well(cli: Cli, host: FakeHost) -> None:
    host.deploy("blog", {"web": "127.0.0.1:5000/web:1"})
    host.deploy("shop", {"web": "127.0.0.1:5000/web:1"})
    said = await cli.run("doctor", DOCKREV_AUTH_ALLOWED_USER="alice", DOCKREV_TRUSTED_PROXIES="127.0.0.1")
    found = findings(said)
    assert (said.code, said.err) == (0, "")
    assert {part: verdict for part, (verdict, _) in found.items()} == dict.fromkeys(
        ("version", "engine", "projects", "compose", "database", "logins", "access"), "ok"
    )
    assert found["projects"][1] == "2 with containers: blog, shop"
    assert "20.10.24, API 1.41, linux/amd64" in found["engine"][1]
    assert found["compose"][1].endswith(f"({COMPOSE_V2})")
    assert found["database"][1].endswith("does not exist yet; the server will make it")
    assert "alice" not in said.out


async def test_it_changes_nothing(cli: Cli, host: FakeHost) -> None:
    before = set(cli.directory.rglob("*"))
    await cli.run("doctor")
    assert set(cli.directory.rglob("*")) - before == {cli.scratch}


async def test_everything_is_wrong(tmp_path: Path) -> None:
    garbage = tmp_path / "garbage.sqlite3"
    garbage.write_text("no database at all " * 100)
    login = tmp_path / "config.json"
    login.write_text('{"auths": ')
    said = await Cli(tmp_path, "unix:///nowhere/docker.sock").run(
        "doctor",
        DOCKREV_COMPOSE_BIN="/nowhere/compose",
        DOCKREV_DB_PATH=str(garbage),
        DOCKREV_DOCKER_CONFIG=str(login),
        DOCKREV_AUTH_ALLOW_ANONYMOUS_IN_DEV="false",
        DOCKREV_CHECK_CONCURRENCY="7",
    )
    found = findings(said)
    assert (said.code, said.err) == (2, "")
    assert {part for part, (verdict, _) in found.items() if verdict == "fail"} == {
        "engine",
        "compose",
        "database",
        "logins",
        "access",
    }
    assert found["configuration"][0] == "warn"
    assert "There is no Docker socket at /nowhere/docker.sock" in found["engine"][1]
    assert "/nowhere/compose" in found["compose"][1]
    assert "not an SQLite database" in found["database"][1]
    assert str(login) in found["logins"][1]
    assert "nobody is let in" in found["access"][1]


async def test_an_open_door_is_a_warning_only(cli: Cli) -> None:
    said = await cli.run("doctor")
    found = findings(said)
    assert said.code == 0
    assert found["access"][0] == "warn"
    assert "DOCKREV_AUTH_ALLOWED_USER" in found["access"][1]
    assert found["projects"] == ("warn", "no container of a Compose project exists on this engine")


@pytest.mark.parametrize("revision", ["9999", f"{int(migrate.HEAD) + 1:04}"])
async def test_a_newer_database_is_told(cli: Cli, revision: str) -> None:
    path = cli.directory / "newer.sqlite3"
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("CREATE TABLE alembic_version (version_num VARCHAR(32))")
        database.execute("INSERT INTO alembic_version VALUES (?)", (revision,))
    said = await cli.run("doctor", DOCKREV_DB_PATH=str(path))
    assert said.code == 2
    assert f"written by a newer Dockrev (schema {revision}" in findings(said)["database"][1]


async def test_a_server_that_runs_is_not_disturbed(cli: Cli, host: FakeHost, tmp_path: Path) -> None:
    server = ServerProcess(tmp_path, host.docker_host)
    async with server.running():
        said = await cli.run("doctor", DOCKREV_DB_PATH=str(server.db_path))
        assert findings(said)["database"] == ("ok", f"{server.db_path}, schema {migrate.HEAD}")
        await server.ready()


async def test_logins_are_named_and_never_shown(cli: Cli) -> None:
    login = cli.directory / "config.json"
    auths = {"registry.example": {"username": "alice", "password": "hunter2"}}
    login.write_text(json.dumps({"auths": auths}))
    said = await cli.run("doctor", DOCKREV_DOCKER_CONFIG=str(login))
    assert findings(said)["logins"] == ("ok", f"{login}: registry.example")
    assert "hunter2" not in said.out + said.err


async def test_a_configuration_that_cannot_be_read_is_told_fault_by_fault(cli: Cli) -> None:
    said = await cli.run("doctor", DOCKREV_HTTP_ADDR="here", DOCKREV_LOG_LEVEL="loud")
    assert (said.code, said.out) == (2, "")
    assert said.err.splitlines() == [
        "dockrev: DOCKREV_HTTP_ADDR: 'here' is not host:port",
        "dockrev: DOCKREV_LOG_LEVEL: 'loud' is not one of info, debug, warning, error",
    ]


async def test_a_label_cannot_command_the_terminal(cli: Cli, host: FakeHost) -> None:
    host.deploy("blog", {"web": "127.0.0.1:5000/web:1"})
    host.engine.containers[:] = [replace(one, project="\x1b[31mred") for one in host.engine.containers]
    said = await cli.run("doctor")
    assert "\x1b" not in said.out + said.err
    assert "\\x1b[31mred" in said.out


async def test_a_file_of_logins_that_is_missing_is_a_warning(cli: Cli) -> None:
    said = await cli.run("doctor", DOCKREV_DOCKER_CONFIG="/nowhere/config.json")
    verdict, text = findings(said)["configuration"]
    assert (said.code, verdict) == (0, "warn")
    assert text.startswith("DOCKREV_DOCKER_CONFIG: there is no file /nowhere/config.json")


async def test_authorities_are_read(cli: Cli) -> None:
    make_authority(cli.directory)
    certificates = cli.directory / "ca.pem"
    said = await cli.run("doctor", DOCKREV_REGISTRY_CA_FILE=str(certificates))
    assert findings(said)["authorities"] == ("ok", f"{certificates}, beside the machine's own")


async def test_authorities_without_certificates_are_a_failure(cli: Cli) -> None:
    path = cli.directory / "ca.pem"
    path.write_text("nothing of that kind")
    said = await cli.run("doctor", DOCKREV_REGISTRY_CA_FILE=str(path))
    assert said.code == 2
    assert findings(said)["authorities"] == ("fail", f"no certificates in {path} (DOCKREV_REGISTRY_CA_FILE)")


@pytest.mark.parametrize("mode", ["delete", "wal"])
@pytest.mark.parametrize("lock", ["IMMEDIATE", "EXCLUSIVE"])
async def test_who_holds_the_databases_lock_is_named(cli: Cli, mode: str, lock: str) -> None:
    path = cli.directory / "held.sqlite3"
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute(f"PRAGMA journal_mode = {mode}")
        database.execute("CREATE TABLE kept (one)")
        database.execute(f"BEGIN {lock}")
        said = await cli.run("doctor", DOCKREV_DB_PATH=str(path))
        database.execute("COMMIT")
        freed = await cli.run("doctor", DOCKREV_DB_PATH=str(path))
    verdict, text = findings(said)["database"]
    assert (said.code, verdict) == (2, "fail")
    assert f"process {os.getpid()} (" in text
    assert "holds its write lock" in text
    assert findings(freed)["database"][0] == "ok"


async def test_a_directory_in_place_of_the_database_is_called_one(cli: Cli) -> None:
    said = await cli.run("doctor", DOCKREV_DB_PATH=str(cli.directory))
    assert "it is a directory" in findings(said)["database"][1]
