"""Every GET works while the database cannot be written."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import event
from sqlalchemy.pool import Pool
from starlette.routing import Route
from starlette.types import ASGIApp

from dockrev.app import open_server
from dockrev.clock import SystemClock
from dockrev.config.server import Config
from tests.e2e.api import until
from tests.fakes.host import FakeHost
from tests.fakes.registry import FakeRegistry
from tests.web.asgi import Answer, ask


@dataclass(frozen=True, slots=True)
class Reader:
    """A server in this process with one stack, and the paths of all GET requests."""

    app: ASGIApp
    db_path: Path
    paths: Mapping[str, str]
    """The paths of the requests by the path of their route."""

    async def get_all(self) -> dict[str, Answer]:
        """Sends HEAD to event streams, which ends them at once."""
        async with asyncio.timeout(20):
            return {
                route: await ask(self.app, "HEAD" if route.endswith("/events") else "GET", path)
                for route, path in self.paths.items()
            }


@pytest.fixture
async def reader(host: FakeHost, fake_registry: FakeRegistry, tmp_path: Path) -> AsyncIterator[Reader]:
    old, new = fake_registry.push("app", "1.4.0"), fake_registry.push("app", "1.4.1")
    fake_registry.retag("app", "latest", new)
    host.deploy("blog", {"web": f"{fake_registry.host}/app:latest"})
    host.engine.images[-1].repo_digests = (f"{fake_registry.host}/app@{old}",)
    environment = {
        "DOCKREV_DB_PATH": str(tmp_path / "dockrev.sqlite3"),
        "DOCKER_HOST": host.docker_host,
    }
    config = Config.from_env(environment)
    async with open_server(config, SystemClock()) as server:
        job = (await ask(server.web, "POST", "/api/checks", json_body={"scope": "all"})).json()["checkId"]
        await job_ended(server.web, job)
        stack = (await ask(server.web, "GET", "/api/stacks")).json()["stacks"][0]
        detail = (await ask(server.web, "GET", f"/api/stacks/{stack['id']}")).json()["stack"]
        ids = {"stack_id": stack["id"], "service_id": detail["services"][0]["id"], "job_id": job}
        paths = {
            route.path: route.path_format.format(**ids)
            for route in server.web.routes
            if isinstance(route, Route) and "GET" in (route.methods or ())
        }
        for route, path in paths.items():
            if "digest-tags" in route:
                paths[route] = f"{path}?digest={new}"
        yield Reader(server.web, config.db_path, paths)


async def job_ended(app: ASGIApp, job_id: str) -> None:
    async def ended() -> bool:
        job = (await ask(app, "GET", f"/api/jobs/{job_id}")).json()["job"]
        return bool(job["status"] != "running")

    await until(ended, bool)


def forget_versions(db_path: Path) -> None:
    """Deletes all known versions, so that a reader starts a lookup, which would have to be stored."""
    with closing(sqlite3.connect(db_path)) as database, database:
        for table in ("repository_tags", "tag_facts", "digest_snapshots"):
            database.execute(f"DELETE FROM {table}")


@contextmanager
def pragma(setting: str, undo: str) -> Iterator[None]:
    """Each connection of this process gets the pragma when it is taken from its pool."""
    current = setting

    def apply(connection: sqlite3.Connection, *_: object) -> None:
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA {current}")
        cursor.close()

    event.listen(Pool, "checkout", apply)
    try:
        yield
    finally:
        current = undo


Fault = Callable[[Path], AbstractContextManager[None]]


@contextmanager
def read_only(_: Path) -> Iterator[None]:
    with pragma("query_only = ON", "query_only = OFF"):
        yield


@contextmanager
def full_disk(_: Path) -> Iterator[None]:
    """No page can be added. When the database is larger than the limit, SQLite uses its size as the limit."""
    with pragma("max_page_count = 1", "max_page_count = 1073741823"):
        yield


@contextmanager
def locked(db_path: Path) -> Iterator[None]:
    with closing(sqlite3.connect(db_path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield


@pytest.mark.parametrize("fault", [read_only, full_disk, locked])
async def test_every_get_works_while_the_database_cannot_be_written(reader: Reader, fault: Fault) -> None:
    forget_versions(reader.db_path)
    with fault(reader.db_path):
        answers = await reader.get_all()
    statuses = {route: answer.status for route, answer in answers.items()}
    # Readiness reports the fault. On a full disk, the write of its check sometimes still succeeds.
    assert statuses.pop("/api/ready") == 503 or fault is full_disk
    # 202 says that the lookup is pending. On a full disk, the lookup may still have stored its snapshot.
    assert statuses.pop("/api/services/{service_id}/digest-tags-snapshot") in {200, 202}
    assert set(statuses.values()) == {200}
