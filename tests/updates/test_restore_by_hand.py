"""`dockrev backup restore` beside a running server: neither works on what the other has in hand."""

import asyncio
import signal
import sqlite3
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest

from tests.cli.command import Cli, outcome
from tests.e2e.api import Refused, until
from tests.testbed.images import Healthcheck
from tests.updates.story import Deployed, Story, reservations, statuses
from tests.updates.test_disturbed import when

SLOWLY_SOUND = Healthcheck("sleep 3", interval_seconds=0.2)


@pytest.fixture
def cli(story: Story) -> Cli:
    return Cli(story.server.directory, story.engine.host)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    data = tmp_path / "data"
    data.mkdir()
    (data / "page").write_text("old")
    return data


@pytest.fixture
async def deployed(story: Story, data: Path) -> Deployed:
    """Updated once, with a backup of its data; the next update waits."""
    story.push("web", "1")
    deployed = await story.deploy({"web": story.service("web", volumes=[f"{data}:/data"])})
    story.push("web", "2")
    await deployed.checked()
    job = await deployed.update("web")
    assert job["status"] == "success", job
    story.push("web", "3", healthcheck=SLOWLY_SOUND)
    await deployed.checked()
    (data / "page").write_text("new")
    return deployed


async def backup_of(deployed: Deployed, cli: Cli) -> str:
    listed = (await cli.run("backup", "list", "--json")).document
    return next(str(one["id"]) for one in listed if one["project"] == deployed.project.name)


@asynccontextmanager
async def restoring(story: Story, cli: Cli, backup_id: str) -> AsyncIterator[Process]:
    """Halted as soon as it has reserved what it works on."""
    process = await cli.start("backup", "restore", backup_id, "--yes")
    await until(
        lambda: asyncio.to_thread(restores, story), lambda found: backup_id in found, look_again_seconds=0.01
    )
    process.send_signal(signal.SIGSTOP)
    yield process
    if process.returncode is None:
        process.kill()
        await process.wait()


def restores(story: Story) -> list[str]:
    with closing(sqlite3.connect(story.server.db_path, timeout=20)) as database:
        return [row[0] for row in database.execute("SELECT backup_id FROM reservations")]


async def test_an_update_waits_until_the_data_is_back(
    story: Story, deployed: Deployed, cli: Cli, data: Path
) -> None:
    backup_id = await backup_of(deployed, cli)
    async with restoring(story, cli, backup_id) as process:
        with pytest.raises(Refused) as refusal:
            await deployed.start("web")
        process.send_signal(signal.SIGCONT)
        said = await outcome(process)

    assert (refusal.value.status, refusal.value.error["details"]) == (409, {"backupId": backup_id})
    assert f"brought back from the backup {backup_id}" in refusal.value.error["message"]
    assert (said.code, (data / "page").read_text()) == (0, "old"), said
    assert not reservations(story.server)
    assert statuses(await deployed.update("web")) == {"web": "updated"}


async def test_who_else_has_the_data_waits_too(
    story: Story, deployed: Deployed, cli: Cli, data: Path
) -> None:
    story.push("reader", "1")
    story.push("other", "1")
    reader = story.service("reader", volumes=[f"{data}:/pages"])
    second = await story.deploy({"reader": reader, "other": story.service("other")}, "second")
    for name in ("reader", "other"):
        story.push(name, "2")
    await second.checked(2)

    async with restoring(story, cli, await backup_of(deployed, cli)) as process:
        with pytest.raises(Refused) as refusal:
            await second.start("reader")
        assert statuses(await second.update("other")) == {"other": "updated"}
        process.send_signal(signal.SIGCONT)
        await outcome(process)

    assert refusal.value.status == 409


async def test_a_restore_that_is_killed_holds_nothing(story: Story, deployed: Deployed, cli: Cli) -> None:
    async with restoring(story, cli, await backup_of(deployed, cli)) as process:
        process.kill()
        await process.wait()

    job = await deployed.update("web")

    assert statuses(job)["web"] in ("updated", "skipped"), job  # it may have been stopped already
    assert not reservations(story.server)


async def test_a_restore_during_an_update_is_refused_with_its_job(
    story: Story, deployed: Deployed, cli: Cli, data: Path
) -> None:
    backup_id = await backup_of(deployed, cli)
    job_id = await deployed.start("web")
    await when(deployed, job_id, "verify")

    said = await cli.run("backup", "restore", backup_id, "--yes")

    assert (said.code, (data / "page").read_text()) == (2, "new")
    assert f"the update {job_id} is at work on one of these services" in said.err
    assert (await deployed.ended(job_id))["status"] == "success"
