"""The routes for monitoring: liveness, version, readiness."""

import asyncio
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from functools import partial

from fastapi import FastAPI

from dockrev.config.shared import AuthConfig
from dockrev.db.database import Database
from dockrev.errors import DockerError
from dockrev.self_checks.check import CheckFinding, SelfCheck, ok
from dockrev.self_checks.database import check_database
from dockrev.self_checks.readiness import readiness
from dockrev.self_checks.routes import MonitoringRoutes
from dockrev.web.application import create_web_app
from tests.web.asgi import ask

PRIVATE = AuthConfig(allowed_user="ann")


async def sound() -> Sequence[CheckFinding]:
    return ok("engine 20.10")


async def broken() -> Sequence[CheckFinding]:
    raise DockerError("the engine does not answer")


def app_of(checks: Mapping[str, SelfCheck]) -> FastAPI:
    return create_web_app([MonitoringRoutes("1.2.3", checks).router], PRIVATE, "1.2.3")


async def test_liveness_is_plain_text_and_open_to_everybody() -> None:
    answer = await ask(app_of({"engine": broken}), "GET", "/api/health")
    assert (answer.status, answer.body) == (200, b"ok")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"


async def test_the_version_is_open_to_everybody() -> None:
    answer = await ask(app_of({}), "GET", "/api/version")
    assert (answer.status, answer.json()) == (200, {"version": "1.2.3"})


async def test_readiness_lists_its_parts_for_an_allowed_caller() -> None:
    app = app_of({"engine": sound, "jobs": broken})
    answer = await ask(app, "GET", "/api/ready", headers={"x-forwarded-user": "ann"})
    assert answer.status == 503
    assert answer.json() == {
        "ready": False,
        "parts": [
            {"part": "engine", "ok": True, "detail": "engine 20.10"},
            {"part": "jobs", "ok": False, "detail": "the engine does not answer"},
        ],
    }


async def test_readiness_without_an_identity_is_only_yes_or_no() -> None:
    for check, status, ready in ((sound, 200, True), (broken, 503, False)):
        answer = await ask(app_of({"engine": check}), "GET", "/api/ready")
        assert (answer.status, answer.json()) == (status, {"ready": ready})


async def test_all_checks_run_at_once() -> None:
    meet = asyncio.Barrier(2)

    async def wait_for_the_other() -> Sequence[CheckFinding]:
        await meet.wait()
        return ok("met")

    async with asyncio.timeout(2):
        parts = await readiness({"a": wait_for_the_other, "b": wait_for_the_other})
    assert [part.detail for part in parts] == ["met", "met"]


async def test_a_locked_database_is_not_ready(database: Database) -> None:
    checks = {"database": partial(check_database, database)}
    assert [part.ready for part in await readiness(checks)] == [True]
    with closing(sqlite3.connect(database.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        (part,) = await readiness(checks)
        other.execute("ROLLBACK")
    assert not part.ready
    assert "another program holds its lock" in part.detail
