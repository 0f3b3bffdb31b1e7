"""The routes of backups."""

from collections.abc import Mapping

import pytest
from fastapi import FastAPI

from dockrev.backups.jobs import RestoreJobs
from dockrev.backups.manifest import Head
from dockrev.backups.plan import RestorePlanner
from dockrev.backups.routes import BackupRoutes
from dockrev.backups.store import BackupStore
from dockrev.config.shared import AuthConfig
from dockrev.db.database import Database
from dockrev.hosts.directory import HostDirectory
from dockrev.hosts.local import LOCAL
from dockrev.jobs.reservations import Reservations
from dockrev.jobs.runner import JobRunner
from dockrev.stacks.store import StackStore
from dockrev.web.application import create_web_app
from tests.fakes.clock import MovableClock
from tests.jobs.building import Jobs
from tests.web.asgi import ask


@pytest.fixture
def app(database: Database, clock: MovableClock) -> FastAPI:
    """It has no hosts, so no restore gets as far as an engine."""
    backups, reservations = BackupStore(database, clock), Reservations(database)
    runner = JobRunner(Jobs.of(database, clock).store, clock)
    planner = RestorePlanner(backups, reservations, HostDirectory([]), StackStore(database, clock))
    restores = RestoreJobs(runner, reservations, planner, {}, clock)
    return create_web_app([BackupRoutes(backups, restores).router], AuthConfig(allow_anonymous=True), "1.2.3")


async def test_a_restore_of_no_target_is_refused(app: FastAPI) -> None:
    answer = await ask(app, "POST", "/api/backups/bkp_1/restores", json_body={"targets": []})
    error = answer.json()["error"]
    assert (answer.status, error["code"]) == (400, "invalid_argument")
    assert [fault["field"] for fault in error["details"]["errors"]] == ["targets"]


async def test_without_targets_all_are_chosen(app: FastAPI) -> None:
    answer = await ask(app, "POST", "/api/backups/bkp_1/restores", json_body={})
    assert (answer.status, answer.json()["error"]["message"]) == (404, "there is no backup bkp_1")


async def test_the_list_names_the_host_of_each_backup(
    app: FastAPI, database: Database, clock: MovableClock
) -> None:
    head = Head("bkp_1", None, "stk_1", "blog", clock.now(), ())
    await BackupStore(database, clock).begin(head, "/backups/1.tar.zst", [])
    (backup,) = (await ask(app, "GET", "/api/backups")).json()["backups"]
    assert (backup["id"], backup["hostId"]) == ("bkp_1", LOCAL)


def test_the_routes_declare_their_errors(app: FastAPI) -> None:
    document = app.openapi()
    listing = document["paths"]["/api/backups"]["get"]
    restoring = document["paths"]["/api/backups/{backup_id}/restores"]["post"]
    assert "503" in listing["responses"]
    assert {"404", "409", "502", "503"} <= set(restoring["responses"])

    schemas = document["components"]["schemas"]
    envelope = name_of(restoring["responses"]["409"]["content"]["application/json"]["schema"])
    body = name_of(schemas[envelope]["properties"]["error"])
    details = schemas[body]["properties"]["details"]["anyOf"]
    assert [name_of(each) for each in details] == ["DataInUse", "JobRunning", "ErrorDetails"]


def name_of(reference: Mapping[str, str]) -> str:
    return reference["$ref"].rpartition("/")[2]
