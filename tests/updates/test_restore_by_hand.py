"""`dockrev backup restore` with a running server: the server runs the restore and refuses updates."""

import asyncio
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.cli.command import Cli, outcome
from tests.e2e.api import Document, Refused, until
from tests.testbed.images import Healthcheck
from tests.updates.story import Deployed, Story, reservations, statuses
from tests.updates.test_disturbances import when

SLOWLY_SOUND = Healthcheck("sleep 3", interval_seconds=0.2)
SLOW_TO_STOP = {"stop_signal": "SIGWINCH", "stop_grace_period": "3s"}
"""The container stops only at the end of the grace period, so the restore takes at least that long."""
QUICK = ("/bin/sh", "-c", 'trap "exit 0" WINCH; sleep 999 & wait')
"""This image stops at once all the same. The first update need not wait."""


@pytest.fixture
def cli(story: Story) -> Cli:
    return Cli(story.server.directory, story.engine.host)


@pytest.fixture
def address(story: Story) -> dict[str, str]:
    return {"DOCKREV_HTTP_ADDR": f"127.0.0.1:{story.server.port}"}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    data = tmp_path / "data"
    data.mkdir()
    (data / "page").write_text("old")
    return data


@pytest.fixture
async def deployed(story: Story, data: Path) -> Deployed:
    """A project that was updated once, with a backup of its data. The next update waits."""
    story.push("web", "1", command=QUICK)
    service = story.service("web", volumes=[f"{data}:/data"], **SLOW_TO_STOP)
    deployed = await story.deploy({"web": service})
    story.push("web", "2")
    await deployed.checked()
    job = await deployed.update("web")
    assert job["status"] == "success", job
    story.push("web", "3")
    await deployed.checked()
    (data / "page").write_text("new")
    return deployed


async def backup_of(deployed: Deployed) -> str:
    async with deployed.story.api() as api:
        backups = (await api.get("/api/backups"))["backups"]
    return next(str(one["id"]) for one in backups if one["project"] == deployed.project.name)


async def unfinished(story: Story) -> list[Document]:
    async with story.api() as api:
        jobs: list[Document] = (await api.get("/api/jobs?type=restore&status=running"))["jobs"]
    return jobs


@asynccontextmanager
async def restoring(
    story: Story, cli: Cli, backup_id: str, address: dict[str, str]
) -> AsyncIterator[tuple[Process, str]]:
    """Starts the command. Gives its process and the id of the job that it has started in the server."""
    process = await cli.start("backup", "restore", backup_id, "--yes", **address)
    try:

        async def started() -> list[Document]:
            assert process.returncode is None, await outcome(process)
            return await unfinished(story)

        (job,) = await until(started, bool, look_again_seconds=0.05)
        yield process, job["id"]
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_an_update_is_refused_during_a_restore(
    story: Story, deployed: Deployed, cli: Cli, data: Path, address: dict[str, str]
) -> None:
    async with restoring(story, cli, await backup_of(deployed), address) as (process, job_id):
        with pytest.raises(Refused) as refusal:
            await deployed.start("web")
        said = await outcome(process)

    assert (refusal.value.status, refusal.value.error["details"]) == (409, {"existingJobId": job_id})
    assert f"the restore {job_id} is at work" in refusal.value.error["message"]
    assert (said.code, said.err, (data / "page").read_text()) == (0, "", "old"), said
    assert "restored and read again" in said.out
    assert not reservations(story.server)
    assert statuses(await deployed.update("web")) == {"web": "updated"}


async def test_an_update_of_another_service_with_the_same_data_is_refused_too(
    story: Story, deployed: Deployed, cli: Cli, data: Path, address: dict[str, str]
) -> None:
    story.push("reader", "1")
    story.push("other", "1")
    reader = story.service("reader", volumes=[f"{data}:/pages"])
    second = await story.deploy({"reader": reader, "other": story.service("other")}, "second")
    for name in ("reader", "other"):
        story.push(name, "2")
    await second.checked(2)

    async with restoring(story, cli, await backup_of(deployed), address) as (process, _):
        with pytest.raises(Refused) as refusal:
            await second.start("reader")
        assert statuses(await second.update("other")) == {"other": "updated"}
        await outcome(process)

    assert refusal.value.status == 409


async def test_the_server_completes_the_restore_when_the_command_is_killed(
    story: Story, deployed: Deployed, cli: Cli, data: Path, address: dict[str, str]
) -> None:
    async with restoring(story, cli, await backup_of(deployed), address) as (process, job_id):
        process.kill()
        await process.wait()

    job = await deployed.ended(job_id)

    assert (job["status"], (data / "page").read_text()) == ("success", "old"), job
    assert {state for _, _, state in deployed.containers().values()} == {"running"}
    assert statuses(await deployed.update("web")) == {"web": "updated"}


async def test_a_restore_during_an_update_is_refused_and_names_the_job(
    story: Story, deployed: Deployed, cli: Cli, data: Path, address: dict[str, str]
) -> None:
    backup_id = await backup_of(deployed)
    story.push("web", "3", healthcheck=SLOWLY_SOUND)
    await deployed.checked()
    job_id = await deployed.start("web")
    await when(deployed, job_id, "verify")

    said = await cli.run("backup", "restore", backup_id, "--yes", **address)
    async with story.api() as api:
        with pytest.raises(Refused) as refusal:
            await api.post(f"/api/backups/{backup_id}/restores", {"stopContainers": True})

    assert (said.code, (data / "page").read_text()) == (2, "new")
    assert f"the update {job_id} is at work on one of these services" in said.err
    assert (refusal.value.status, refusal.value.error["details"]) == (409, {"existingJobId": job_id})
    assert (await deployed.ended(job_id))["status"] == "success"


async def test_the_api_stops_containers_for_a_restore_only_with_consent(
    story: Story, deployed: Deployed, data: Path
) -> None:
    backup_id = await backup_of(deployed)
    (container,) = deployed.containers()
    async with story.api() as api:
        path = f"/api/backups/{backup_id}/restores"
        with pytest.raises(Refused) as running:
            await api.post(path, {})
        with pytest.raises(Refused) as incomplete:
            await api.post(path, {"targets": [{"kind": "docker-volume"}]})
        with pytest.raises(Refused) as foreign:
            await api.post(path, {"targets": [{"kind": "bind-mount", "path": "/other"}]})
        with pytest.raises(Refused) as unknown:
            await api.post("/api/backups/bkp_none/restores", {})
        assert (data / "page").read_text() == "new"
        job_id = (await api.post(path, {"stopContainers": True}))["jobId"]
        job = await api.finished(job_id)

    assert (running.value.status, running.value.error["details"]) == (409, {"containers": [container]})
    assert incomplete.value.error["details"]["errors"][0]["field"] == "targets[0].name"
    assert (foreign.value.status, foreign.value.error["details"]) == (400, {"field": "targets"})
    assert unknown.value.status == 404
    target = {"kind": "bind-mount", "path": str(data)}
    assert (job["status"], job["scope"], (data / "page").read_text()) == ("success", "stack", "old")
    assert job["summary"] | {"progress": None} == {
        "backupId": backup_id,
        "targets": [target],
        "stopContainers": True,
        "restored": [{"target": target, "entries": 2, "sizeBytes": 3}],
        "progress": None,
    }
    assert job["progress"]["percent"] == 100
    assert f"stopping {container}" in [line["msg"] for line in job["logs"]]
    await asyncio.to_thread(deployed.project.until, "web", lambda one: one.state == "running")
