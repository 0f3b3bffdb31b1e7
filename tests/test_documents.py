"""The OpenAPI document has a type for every answer and event, and records of old releases can be read."""

import json
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI

from dockrev.app import open_server
from dockrev.clock import SystemClock, timestamp
from dockrev.config.server import Config
from tests.documents import faults, loose
from tests.storage import migrated
from tests.web.asgi import ask


@asynccontextmanager
async def server_of(directory: Path) -> AsyncIterator[FastAPI]:
    environment = {"DOCKREV_DB_PATH": str(directory / "dockrev.sqlite3"), "DOCKER_HOST": "unix:///nowhere"}
    async with open_server(Config.from_env(environment), SystemClock()) as server:
        yield server.web


@pytest.mark.parametrize(
    "schema",
    [
        {"properties": {"a": {}}},
        {"properties": {"a": {"title": "A", "description": "anything"}}},
        {"items": {}},
        {"additionalProperties": True},
        {"schema": {"type": "object"}},
        {"schema": {"type": "array"}},
        {"anyOf": [{"type": "string"}, {}]},
    ],
    ids=str,
)
def test_a_schema_that_accepts_any_value_is_found(schema: dict[str, Any]) -> None:
    assert list(loose({"components": schema}))


async def test_no_schema_of_the_document_accepts_any_value(tmp_path: Path) -> None:
    async with server_of(tmp_path) as app:
        assert list(loose(app.openapi())) == []


async def test_jobs_and_events_are_unions_with_type_as_discriminator(tmp_path: Path) -> None:
    async with server_of(tmp_path) as app:
        schemas = app.openapi()["components"]["schemas"]
    jobs = schemas["JobListAnswer"]["properties"]["jobs"]["items"]
    kinds = {"check", "discovery", "runtime_scan", "update"}
    assert kinds <= set(jobs["discriminator"]["mapping"])
    assert kinds <= set(schemas["JobAnswer"]["properties"]["job"]["discriminator"]["mapping"])
    assert set(schemas["JobEvent"]["discriminator"]["mapping"]) >= {
        "job_progress",
        "job_finished",
        "job_events_error",
        "runtime_scan_started",
        "runtime_scan_service",
        "runtime_scan_finished",
        "update_step",
        "update_state_settled",
    }
    assert "job_log" in schemas["JobLine"]["discriminator"]["mapping"]
    assert set(schemas["InferenceEvent"]["discriminator"]["mapping"]) >= {"task_enqueued", "gc_ran"}


STACK = {"stackId": "stk_1", "backup": {"status": "success", "sizeBytes": 3}, "services": []}
OLD_RECORDS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("check", {}, {}),
    ("check", {"servicesChecked": "many", "servicesFailed": 2}, {"servicesFailed": 2}),
    ("check", {"mood": "good", "deferrals": [{"registry": "ghcr.io"}]}, {"deferrals": []}),
    ("discovery", {"scan": {"durationMs": 5}}, {}),
    ("runtime_scan", {"stackIds": ["a", 7]}, {"stackIds": ["a"]}),
    ("update", {"mode": "apply", "stacks": [{"stackId": "x"}, STACK]}, {"mode": "apply", "stacks": [STACK]}),
    ("update", {"mode": "sideways", "error": "no"}, {"error": "no"}),
    ("update", {"terminated": {"reason": "meteor"}}, {}),
    ("a_kind_that_is_gone", {"error": "no", "seen": 4}, {"error": "no"}),
]


@pytest.mark.parametrize(("kind", "stored", "shown"), OLD_RECORDS)
async def test_the_readable_part_of_an_earlier_releases_record_is_shown(
    tmp_path: Path, kind: str, stored: dict[str, Any], shown: dict[str, Any]
) -> None:
    path = migrated(tmp_path / "dockrev.sqlite3")
    now = timestamp(SystemClock().now())
    row = {
        "id": "job_1",
        "type": kind,
        "scope": "all",
        "status": "success",
        "created_by": "ann",
        "reason": "ui",
        "created_at": now,
        "finished_at": now,
        "allow_arch_mismatch": 0,
        "backup_mode": "inherit",
        "summary": json.dumps(stored),
        "progress": json.dumps({"phase": "done"}),
    }
    with closing(sqlite3.connect(path)) as database, database:
        marks = ", ".join("?" * len(row))
        statement = f"INSERT INTO jobs ({', '.join(row)}) VALUES ({marks})"
        database.execute(statement, list(row.values()))
    async with server_of(tmp_path) as app:
        listed = (await ask(app, "GET", "/api/jobs")).json()
        detail = (await ask(app, "GET", "/api/jobs/job_1")).json()
        document = app.openapi()
    assert [job["summary"] for job in listed["jobs"] if job["id"] == "job_1"] == [shown]
    assert detail["job"]["summary"] == shown
    if kind != "a_kind_that_is_gone":
        assert faults(document, "JobAnswer", detail) == []
