"""Disturbed updates: cancels, edited files, removed containers, restarted engines, full disks."""

import asyncio
import random
import secrets
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.api import Document, until
from tests.e2e.server_process import server_on_bed
from tests.soak import soak
from tests.testbed.bed import Bed
from tests.testbed.engine import Engine
from tests.testbed.images import Healthcheck, Images
from tests.testbed.projects import Projects
from tests.testbed.registry import Registry
from tests.updates.slow_front import SlowFront
from tests.updates.story import (
    CORRUPTING,
    UNHEALTHY,
    Deployed,
    Story,
    hashes,
    helpers,
    outcomes,
    protective_tags,
    set_auto_rollback,
    settle_for,
    statuses,
    step,
)

SLOWLY_SOUND = Healthcheck("sleep 3", interval_seconds=0.2)
SLOWLY_UNHEALTHY = Healthcheck("sleep 2; false", interval_seconds=0.2, retries=1)
BIG = random.Random(7).randbytes(3_000_000)


async def when(deployed: Deployed, job_id: str, name: str, status: str = "started") -> None:
    """Waits until the job reports this status of the step."""
    async with (
        deployed.story.api() as api,
        asyncio.timeout(60),
        api.stream(f"/api/jobs/{job_id}/events") as events,
    ):
        await step(events, name, status)


async def cancel(deployed: Deployed, job_id: str) -> Document:
    async with deployed.story.api() as api:
        await api.post(f"/api/jobs/{job_id}/cancel")
    return await deployed.ended(job_id)


@pytest.mark.parametrize("at", [soak("record"), soak("preflight"), "backup", "pull"])
async def test_a_cancel_before_the_first_change_ends_the_update(
    story: Story, front: SlowFront, at: str, tmp_path: Path
) -> None:
    story.push("web", "1")
    data = tmp_path / "data"
    data.mkdir()
    (data / "big").write_bytes(BIG)
    deployed = await story.deploy({"web": story.service("web", volumes=[f"{data}:/data"])})
    story.push("web", "2", files={"big": BIG})
    await deployed.checked()
    before = deployed.containers()
    front.pause_seconds = 0.05
    job_id = await deployed.start("web")
    await when(deployed, job_id, at)

    job = await cancel(deployed, job_id)

    assert (job["status"], statuses(job)) == ("failed", {"web": "failed"}), job
    assert outcomes(job)["web"]["reason"] == "the job was cancelled"
    assert job["summary"]["terminated"]["reason"] == "cancelled"
    assert deployed.containers() == before
    assert not await deployed.changed_by_hand()
    assert not protective_tags(story, job_id)


@pytest.mark.parametrize("at", [soak("tag"), "apply", soak("verify")])
async def test_a_later_cancel_rolls_back(story: Story, at: str) -> None:
    old = story.push("web", "1")
    deployed = await story.deploy({"web": story.service("web")})
    story.push("web", "2", healthcheck=SLOWLY_SOUND)
    await deployed.checked()
    job_id = await deployed.start("web")
    await when(deployed, job_id, at)

    job = await cancel(deployed, job_id)

    assert (job["status"], statuses(job)) == ("rolled_back", {"web": "rolled_back"}), job
    assert outcomes(job)["web"]["reason"] == "the job was cancelled"
    assert job["summary"]["terminated"]["reason"] == "cancelled"
    assert deployed.runs("web") == {str(old.image_id)}
    assert not await deployed.changed_by_hand()
    deployed.assert_own_files_only()
    assert not protective_tags(story, job_id)


async def test_a_cancel_during_a_rollback_does_not_stop_it_and_is_not_its_reason(story: Story) -> None:
    old = story.push("web", "1")
    deployed = await story.deploy({"web": story.service("web")})
    story.push("web", "2", healthcheck=UNHEALTHY)
    await deployed.checked()
    job_id = await deployed.start("web")
    await when(deployed, job_id, "rollback")

    job = await cancel(deployed, job_id)

    assert (job["status"], deployed.runs("web")) == ("rolled_back", {str(old.image_id)}), job
    assert outcomes(job)["web"]["reason"].endswith("is unhealthy")
    assert "terminated" not in job["summary"]


async def test_a_cancel_rolls_back_even_without_automatic_rollback(story: Story) -> None:
    old = story.push("web", "1")
    deployed = await story.deploy({"web": story.service("web")})
    story.push("web", "2", healthcheck=SLOWLY_SOUND)
    await set_auto_rollback(story, (await deployed.checked())["web"]["id"], on=False)
    job_id = await deployed.start("web")
    await when(deployed, job_id, "verify")

    job = await cancel(deployed, job_id)

    assert (job["status"], deployed.runs("web")) == ("rolled_back", {str(old.image_id)}), job
    assert outcomes(job)["web"]["reason"] == "the job was cancelled"
    assert job["summary"]["terminated"]["reason"] == "cancelled"


@pytest.fixture
def restoring(story: Story) -> Iterator[Story]:
    settle_for(story.server, restoreDataOnRollback=True)
    yield story
    settle_for(story.server)


async def test_a_container_that_was_removed_by_hand_is_rolled_back(restoring: Story, tmp_path: Path) -> None:
    story, data = restoring, tmp_path / "data"
    data.mkdir()
    (data / "table").write_text("rows")
    (data / "index").write_text("1")
    before = hashes(data)
    old = story.push("web", "1")
    deployed = await story.deploy({"web": story.service("web", volumes=[f"{data}:/data"])})
    story.push("web", "2", healthcheck=SLOWLY_SOUND, command=CORRUPTING)
    await deployed.checked()
    job_id = await deployed.start("web")
    await when(deployed, job_id, "verify")
    [container] = deployed.project.containers("web")
    await asyncio.to_thread(
        story.engine.api.call, "DELETE", f"/containers/{container.container_id}", {"force": True}
    )

    job = await deployed.ended(job_id)

    assert (job["status"], deployed.runs("web")) == ("rolled_back", {str(old.image_id)}), job
    assert outcomes(job)["web"]["step"] == "verify"
    assert hashes(data) == before
    assert not await deployed.changed_by_hand()


async def test_without_the_old_image_the_new_one_stays_and_the_reason_says_so(story: Story) -> None:
    old = story.push("web", "1")
    deployed = await story.deploy({"web": story.service("web")})
    new = story.push("web", "2", healthcheck=SLOWLY_UNHEALTHY)
    await deployed.checked()
    job_id = await deployed.start("web")
    await when(deployed, job_id, "verify")
    await asyncio.to_thread(story.engine.api.call, "DELETE", f"/images/{old.image_id}", {"force": True})

    job = await deployed.ended(job_id)

    assert (job["status"], outcomes(job)["web"]["step"]) == ("failed", "rollback"), job
    reason = outcomes(job)["web"]["reason"]
    assert "is unhealthy; the rollback failed too: " in reason
    assert f"is running with image {new.image_id[7:19]}" in reason
    assert outcomes(job)["web"]["newImageId"] == new.image_id
    assert deployed.runs("web") == {str(new.image_id)}


async def test_without_its_backup_the_data_stays_and_the_service_stays_stopped(
    restoring: Story, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "table").write_text("rows")
    restoring.push("web", "1")
    deployed = await restoring.deploy({"web": restoring.service("web", volumes=[f"{data}:/data"])})
    restoring.push("web", "2", healthcheck=SLOWLY_UNHEALTHY)
    await deployed.checked()
    job_id = await deployed.start("web")
    await when(deployed, job_id, "verify")
    for archive in (restoring.server.directory / "backups").rglob("*.tar.zst"):
        archive.unlink()

    job = await deployed.ended(job_id)

    assert (job["status"], outcomes(job)["web"]["step"]) == ("failed", "rollback"), job
    assert "the rollback failed too: " in outcomes(job)["web"]["reason"]
    backup_id = job["summary"]["stacks"][0]["backup"]["backupId"]
    assert f"Before anything else, run: dockrev backup restore {backup_id}" in outcomes(job)["web"]["reason"]
    assert (data / "table").read_text() == "rows"
    assert deployed.runs("web") == set()


async def test_a_compose_file_that_is_edited_before_the_containers_are_recreated(
    story: Story, front: SlowFront
) -> None:
    story.push("web", "1")
    deployed = await story.deploy({"web": story.service("web")})
    story.push("web", "2", files={"big": BIG})
    await deployed.checked()
    before = deployed.containers()
    front.pause_seconds = 0.05
    job_id = await deployed.start("web")
    await when(deployed, job_id, "pull")
    deployed.project.configure({"web": story.service("web", environment={"EDITED": "1"})})

    job = await deployed.ended(job_id)

    assert (job["status"], outcomes(job)["web"]["step"]) == ("rolled_back", "apply"), job
    assert "changed during the update" in outcomes(job)["web"]["reason"]
    assert deployed.containers() == before


async def test_a_compose_file_that_is_edited_during_the_health_check(story: Story) -> None:
    old = story.push("web", "1")
    deployed = await story.deploy({"web": story.service("web")})
    story.push("web", "2", healthcheck=SLOWLY_UNHEALTHY)
    await deployed.checked()
    job_id = await deployed.start("web")
    await when(deployed, job_id, "verify")
    deployed.project.configure({"web": story.service("web", environment={"EDITED": "1"})})

    job = await deployed.ended(job_id)

    assert (job["status"], deployed.runs("web")) == ("rolled_back", {str(old.image_id)}), job
    assert any("as it is now" in line["msg"] for line in job["logs"])
    assert not await deployed.changed_by_hand()


@pytest.fixture
def alone(
    bed: Bed, private_engine: Engine, registry: Registry, images: Images, tmp_path: Path
) -> Iterator[Story]:
    """A story with its own engine."""
    projects = Projects(private_engine, tmp_path / "projects", bed.docker_config)
    with server_on_bed(bed, private_engine, tmp_path) as server:
        settle_for(server)
        yield Story(server, private_engine, registry, images, projects)


@pytest.mark.parametrize("at", [soak("pull"), "apply", soak("verify")])
async def test_an_engine_that_is_restarted_during_an_update(alone: Story, at: str) -> None:
    old = alone.push("web", "1")
    deployed = await alone.deploy({"web": alone.service("web", restart="always")})
    new = alone.push("web", "2", files={"big": BIG}, healthcheck=SLOWLY_SOUND)
    await deployed.checked()
    job_id = await deployed.start("web")
    await when(deployed, job_id, at)

    await asyncio.to_thread(alone.engine.kill)
    await asyncio.to_thread(alone.engine.start)

    job = await deployed.ended(job_id)
    expected = {"success": new, "rolled_back": old, "failed": old}[job["status"]]
    assert deployed.runs("web") == {str(expected.image_id)}, job
    assert job["status"] != "failed" or outcomes(job)["web"]["step"] == "pull"
    assert not await deployed.changed_by_hand()
    assert not protective_tags(alone, job_id)


@pytest.mark.parametrize("orderly", [soak(True), False], ids=["clean shutdown", "power cut"])
async def test_an_engine_that_is_restarted_during_the_restore(
    alone: Story, tmp_path: Path, orderly: bool
) -> None:
    """The engine restarts containers with `restart: always`, but not those whose image broke the data."""
    settle_for(alone.server, restoreDataOnRollback=True)
    data = tmp_path / "rows"
    data.mkdir()
    for name, content in (("table", b"rows"), ("index", b"0"), ("big", BIG * 8)):
        (data / name).write_bytes(content)
    before = hashes(data)
    for name in ("db", "web"):
        alone.push(name, "1")
    services = {
        name: alone.service(name, volumes=[f"{data}:/data"], restart="always") for name in ("db", "web")
    }
    services["web"]["depends_on"] = ["db"]
    deployed = await alone.deploy(services)
    images = {name: deployed.runs(name) for name in services}
    alone.push("db", "2", command=CORRUPTING)
    alone.push("web", "2", command=CORRUPTING, healthcheck=UNHEALTHY)
    await deployed.checked(2)
    job_id = await deployed.start("db", "web")
    await when(deployed, job_id, "rollback")
    await until(lambda: asyncio.to_thread(helpers, alone), bool, look_again_seconds=0.01)

    await asyncio.to_thread(alone.engine.stop if orderly else alone.engine.kill)
    await asyncio.to_thread(alone.engine.start)

    job = await deployed.ended(job_id)
    assert statuses(job) == {"db": "rolled_back", "web": "rolled_back"}, [line["msg"] for line in job["logs"]]
    assert {name: deployed.runs(name) for name in services} == images
    assert hashes(data) == before
    restart = {
        one["HostConfig"]["RestartPolicy"]["Name"] for name in services for one in deployed.inspect(name)
    }
    assert restart == {"always"}
    assert not await deployed.changed_by_hand()


@pytest.fixture
def full_engine(bed: Bed) -> Iterator[Engine]:
    """An engine with little disk space for images."""
    name = f"engine-{secrets.token_hex(3)}"
    engine = Engine(bed.keeper, name)
    data = bed.keeper.directory / name / "data"
    data.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", data], check=True)
    engine.start()
    yield engine
    engine.kill()
    subprocess.run(["umount", data], check=True)
    engine.discard()


@pytest.fixture
def full(
    bed: Bed, full_engine: Engine, registry: Registry, images: Images, tmp_path: Path
) -> Iterator[Story]:
    projects = Projects(full_engine, tmp_path / "projects", bed.docker_config)
    with server_on_bed(bed, full_engine, tmp_path) as server:
        settle_for(server)
        yield Story(server, full_engine, registry, images, projects)


async def test_a_disk_that_becomes_full_during_the_pull(full: Story) -> None:
    full.push("web", "1")
    deployed = await full.deploy({"web": full.service("web")})
    full.push("web", "2", files={"zeros": bytes(100_000_000)})
    await deployed.checked()
    before = deployed.containers()

    job = await deployed.update("web")

    assert (job["status"], outcomes(job)["web"]["step"]) == ("failed", "pull"), job
    assert "disk is full" in outcomes(job)["web"]["reason"]
    assert deployed.containers() == before
    assert not protective_tags(full, job["id"])
