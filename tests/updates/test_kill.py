"""Whenever the server is killed, the next start completes the update, reports the truth, and cleans up.

`tests/replacement/test_boundaries.py` simulates kills between two steps in one process. Only the soak run
kills a real process there.
"""

import asyncio
import random
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.api import Document, Event, until
from tests.e2e.server_process import server_on_bed
from tests.testbed.bed import Bed
from tests.testbed.engine import Engine
from tests.testbed.images import Healthcheck, Images
from tests.testbed.projects import Projects
from tests.testbed.registry import Registry
from tests.updates.slow_front import SlowFront
from tests.updates.story import (
    CORRUPTING,
    HEALTHY,
    UNHEALTHY,
    Deployed,
    Story,
    hashes,
    helpers,
    remains,
    settle_for,
    statuses,
)

BEING_REPLACED = re.compile(r"^[0-9a-f]{12}_")
STUBBORN = ("/bin/sh", "-c", 'trap "" TERM; while :; do sleep 1; done')
"""Stops only after the grace period, so that Compose has to wait for a while."""


@pytest.fixture
def story(
    bed: Bed, engine: Engine, registry: Registry, images: Images, projects: Projects, tmp_path: Path
) -> Iterator[Story]:
    with server_on_bed(bed, engine, tmp_path) as server:
        settle_for(server, restoreDataOnRollback=True)
        yield Story(server, engine, registry, images, projects)


async def with_data(story: Story, **service: Any) -> Deployed:
    """Deploys a service whose volume holds a table and an index."""
    mounted = story.service("web", volumes=["data:/data"], **service)
    deployed = await story.deploy({"web": mounted}, volumes={"data": {}})
    (data_of(deployed) / "table").write_text("rows\n")
    (data_of(deployed) / "index").write_bytes(b"\x00\x01")
    return deployed


def data_of(deployed: Deployed) -> Path:
    volume = deployed.story.engine.api.get(f"/volumes/{deployed.project.name}_data")
    return Path(volume["Mountpoint"])


async def killed_and_started(story: Story) -> None:
    story.server.kill()
    story.server.start()
    await story.server.serving()


async def killed_at_every_boundary(story: Story, job_id: str) -> list[tuple[str, str]]:
    """Kills the server at the start and the end of each step. Returns the step and status of each kill."""
    boundaries: list[tuple[str, str]] = []
    last_id: int | None = None
    while True:
        async with story.api() as api:
            headers = {"Last-Event-ID": str(last_id)} if last_id else {}
            async with asyncio.timeout(60), api.stream(f"/api/jobs/{job_id}/events", headers) as events:
                async for event in events:
                    last_id = event.id or last_id
                    if event.kind == "job_finished":
                        return boundaries
                    boundary = (str(event.data.get("step")), str(event.data.get("status")))
                    if event.kind == "update_step" and boundary not in boundaries:
                        boundaries.append(boundary)
                        break
        await killed_and_started(story)


async def assert_clean(deployed: Deployed) -> None:
    story = deployed.story
    assert not remains(story)
    assert not await deployed.changed_by_hand()
    deployed.assert_own_files_only()
    assert not [name for name in deployed.containers() if BEING_REPLACED.match(name)]
    partial = [path for path in (story.server.directory / "backups").rglob("*") if path.suffix == ".partial"]
    assert not partial
    async with story.api() as api:
        jobs = [job for job in (await api.get("/api/jobs"))["jobs"] if job["type"] == "update"]
        reported = [event.data for job in jobs for event in await api.events_of(job["id"])]
    assert all(job["status"] not in ("running", "queued") for job in jobs)
    assert_every_step_end_is_reported_once([each for each in reported if each.get("type") == "update_step"])


def assert_every_step_end_is_reported_once(steps: Sequence[Document]) -> None:
    """Every step that has started has an end, and no restart has reported again that it is done.

    A step that failed right before a kill runs again, so its failure may be reported again.
    """
    done = [_key(step) for step in steps if step["status"] == "done"]
    failed = [_key(step) for step in steps if step["status"] == "failed"]
    started = [_key(step) for step in steps if step["status"] == "started"]
    assert len(done) == len(set(done)), done
    assert all(failed.count(step) <= started.count(step) for step in failed), "no failure without a new start"
    assert {*failed, *done} == {_key(step) for step in steps}


def _key(step: Document) -> str:
    return f"{step['jobId']} {step.get('serviceId')} {step['step']}"


@pytest.mark.soak
async def test_a_good_update_that_is_killed_at_every_boundary_ends_with_the_new_image(story: Story) -> None:
    story.push("web", "1", healthcheck=HEALTHY)
    deployed = await with_data(story)
    new = story.push("web", "2", healthcheck=HEALTHY)
    data = hashes(data_of(deployed))
    await deployed.checked()

    job_id = await deployed.start("web")
    boundaries = await killed_at_every_boundary(story, job_id)

    steps = ["record", "preflight", "backup", "pull", "tag", "apply", "verify", "prove", "settle"]
    assert [step for step, status in boundaries if status == "started"] == steps
    assert {status for _, status in boundaries} == {"started", "done"}
    job = await deployed.ended(job_id)
    assert (job["status"], statuses(job)) == ("success", {"web": "updated"}), job
    assert deployed.runs("web") == {str(new.image_id)}
    assert hashes(data_of(deployed)) == data
    await assert_clean(deployed)


@pytest.mark.soak
async def test_a_bad_update_that_is_killed_at_every_boundary_ends_with_the_old_image_and_data(
    story: Story,
) -> None:
    old = story.push("web", "1")
    deployed = await with_data(story)
    story.push("web", "2", healthcheck=UNHEALTHY, command=CORRUPTING)
    data = hashes(data_of(deployed))
    await deployed.checked()

    job_id = await deployed.start("web")
    boundaries = await killed_at_every_boundary(story, job_id)

    assert {("verify", "failed"), ("rollback", "started"), ("rollback", "done")} <= set(boundaries)
    job = await deployed.ended(job_id)
    assert (job["status"], statuses(job)) == ("rolled_back", {"web": "rolled_back"}), job
    assert deployed.runs("web") == {str(old.image_id)}
    assert hashes(data_of(deployed)) == data
    await assert_clean(deployed)


@pytest.mark.soak
async def test_two_services_roll_back_together_although_the_server_is_killed_at_every_boundary(
    story: Story,
) -> None:
    """The two services share an image name and data. The second one fails."""
    roles = ("web", "worker")
    old = story.push("app", "1")
    services = {
        role: story.service("app", volumes=["data:/data"], environment={"ROLE": role}) for role in roles
    }
    services["worker"]["depends_on"] = ["web"]
    deployed = await story.deploy(services, volumes={"data": {}})
    (data_of(deployed) / "table").write_text("rows\n")
    data = hashes(data_of(deployed))
    fails = Healthcheck('test "$ROLE" != worker', interval_seconds=0.3, retries=2)
    story.push("app", "2", healthcheck=fails, command=CORRUPTING)
    await deployed.checked(2)

    job_id = await deployed.start(*roles)
    boundaries = await killed_at_every_boundary(story, job_id)

    assert {("verify", "failed"), ("rollback", "started"), ("rollback", "done")} <= set(boundaries)
    job = await deployed.ended(job_id)
    assert statuses(job) == {"web": "rolled_back", "worker": "rolled_back"}, job
    assert [deployed.runs(role) for role in roles] == [{str(old.image_id)}] * 2
    assert hashes(data_of(deployed)) == data
    await assert_clean(deployed)


async def test_killed_during_the_pull(story: Story, front: SlowFront) -> None:
    story.push("web", "1")
    deployed = await story.deploy({"web": story.service("web")})
    before = deployed.containers()
    new = story.push("web", "2", files={"big": random_bytes(2_000_000)})
    await deployed.checked()
    front.pause_seconds = 0.1
    job_id = await deployed.start("web")

    def pulling(event: Event) -> bool:
        amounts = re.search(r"pulled ([0-9.]+) MB of ([0-9.]+) MB", str(event.data.get("message")))
        return amounts is not None and 0 < float(amounts[1]) < float(amounts[2])

    await wait_for_event(story, job_id, pulling)
    assert deployed.containers() == before
    await killed_and_started(story)
    front.pause_seconds = 0

    job = await deployed.ended(job_id)
    assert (job["status"], deployed.runs("web")) == ("success", {str(new.image_id)}), job
    await assert_clean(deployed)


async def test_killed_while_compose_replaces_containers(story: Story) -> None:
    story.push("web", "1", command=STUBBORN)
    scaled = {"stop_grace_period": "3s", "deploy": {"replicas": 3}}
    deployed = await story.deploy({"web": {**story.service("web"), **scaled}})
    names = set(deployed.containers())
    new = story.push("web", "2")
    await deployed.checked()
    job_id = await deployed.start("web")
    await replacing(deployed)
    await killed_and_started(story)

    job = await deployed.ended(job_id)
    assert (job["status"], deployed.runs("web")) == ("success", {str(new.image_id)}), job
    assert set(deployed.containers()) == names
    await assert_clean(deployed)


@pytest.mark.soak
async def test_killed_while_compose_replaces_dependents(story: Story) -> None:
    story.push("vpn", "1")
    story.push("rider", "1", command=STUBBORN)
    riding = {**story.service("rider", network_mode="service:vpn"), "stop_grace_period": "3s"}
    farther = {**story.service("rider", network_mode="service:near"), "stop_grace_period": "3s"}
    deployed = await story.deploy({"vpn": story.service("vpn"), "near": riding, "far": farther})
    names = set(deployed.containers())
    new = story.push("vpn", "2")
    await deployed.checked(3)
    job_id = await deployed.start("vpn")
    await replacing(deployed, "near")  # its dependent was stopped first, and is replaced quickly
    await killed_and_started(story)

    job = await deployed.ended(job_id)
    assert (job["status"], deployed.runs("vpn")) == ("success", {str(new.image_id)}), job
    assert set(deployed.containers()) == names
    [vpn], [near], [far] = (deployed.inspect(name) for name in ("vpn", "near", "far"))
    assert near["HostConfig"]["NetworkMode"] == f"container:{vpn['Id']}"
    assert far["HostConfig"]["NetworkMode"] == f"container:{near['Id']}"
    await assert_clean(deployed)


@pytest.mark.soak
async def test_killed_during_the_health_check(story: Story) -> None:
    story.push("web", "1")
    deployed = await story.deploy({"web": story.service("web")})
    slowly = Healthcheck("sleep 3", interval_seconds=0.2, start_period_seconds=10)
    new = story.push("web", "2", healthcheck=slowly)
    await deployed.checked()
    job_id = await deployed.start("web")
    await wait_for_event(story, job_id, lambda event: "not healthy yet" in str(event.data.get("message")))
    containers = deployed.containers()
    await killed_and_started(story)

    job = await deployed.ended(job_id)
    assert (job["status"], deployed.runs("web")) == ("success", {str(new.image_id)}), job
    assert deployed.containers() == containers
    await assert_clean(deployed)


@pytest.mark.soak
async def test_killed_and_the_container_is_removed_before_the_next_start(story: Story) -> None:
    old = story.push("web", "1")
    deployed = await story.deploy({"web": story.service("web")})
    slowly = Healthcheck("sleep 3", interval_seconds=0.2)
    story.push("web", "2", healthcheck=slowly)
    await deployed.checked()
    job_id = await deployed.start("web")
    await wait_for_event(story, job_id, lambda event: event.data.get("step") == "verify")
    story.server.kill()
    await asyncio.to_thread(story.engine.remove_project, deployed.project.name)
    story.server.start()
    await story.server.serving()

    job = await deployed.ended(job_id)
    assert (job["status"], deployed.runs("web")) == ("rolled_back", {str(old.image_id)}), job
    await assert_clean(deployed)


async def test_killed_while_compose_rolls_back(story: Story) -> None:
    old = story.push("web", "1")
    deployed = await story.deploy({"web": {**story.service("web"), "stop_grace_period": "3s"}})
    names = set(deployed.containers())
    story.push("web", "2", command=STUBBORN, healthcheck=UNHEALTHY)
    await deployed.checked()
    job_id = await deployed.start("web")
    await wait_for_event(story, job_id, lambda event: event.data.get("step") == "rollback")
    await replacing(deployed)
    await killed_and_started(story)

    job = await deployed.ended(job_id)
    assert (job["status"], deployed.runs("web")) == ("rolled_back", {str(old.image_id)}), job
    assert set(deployed.containers()) == names
    await assert_clean(deployed)


async def test_killed_during_the_backup(story: Story) -> None:
    story.push("web", "1")
    deployed = await with_data(story)
    (data_of(deployed) / "big").write_bytes(random_bytes(80_000_000))
    new = story.push("web", "2")
    await deployed.checked()
    settle_for(story.server, mode="stop")
    job_id = await deployed.start("web")
    directory = story.server.directory / "backups"
    await until(
        lambda: asyncio.to_thread(lambda: [one for one in directory.rglob("*") if one.is_file()]),
        lambda files: any(one.stat().st_size > 1_000_000 for one in files),
        look_again_seconds=0.01,
    )
    await killed_and_started(story)

    job = await deployed.ended(job_id)
    assert (job["status"], deployed.runs("web")) == ("success", {str(new.image_id)}), job
    archives = [one.name for one in directory.rglob("*") if one.is_file()]
    assert len([name for name in archives if name.endswith(".tar.zst")]) == 1, archives
    await assert_clean(deployed)


async def test_killed_during_the_restore(story: Story) -> None:
    old = story.push("web", "1")
    deployed = await with_data(story)
    (data_of(deployed) / "big").write_bytes(random_bytes(80_000_000))
    data = hashes(data_of(deployed))
    story.push("web", "2", healthcheck=UNHEALTHY, command=CORRUPTING)
    await deployed.checked()
    job_id = await deployed.start("web")
    await wait_for_event(story, job_id, lambda event: event.data.get("step") == "rollback")
    await until(lambda: asyncio.to_thread(helpers, story), lambda ids: ids, look_again_seconds=0.01)
    await killed_and_started(story)

    job = await deployed.ended(job_id)
    assert (job["status"], deployed.runs("web")) == ("rolled_back", {str(old.image_id)}), job
    assert hashes(data_of(deployed)) == data
    await assert_clean(deployed)


async def wait_for_event(story: Story, job_id: str, what: Callable[[Event], bool]) -> None:
    """Waits for an event of the job that `what` accepts."""
    async with (
        story.api() as api,
        asyncio.timeout(60),
        api.stream(f"/api/jobs/{job_id}/events") as events,
    ):
        async for event in events:
            if what(event):
                return
    raise AssertionError("the job ended before the event")


async def replacing(deployed: Deployed, service: str | None = None) -> None:
    """Waits until Compose has created the new container and waits for the old one to stop."""
    await until(
        lambda: asyncio.to_thread(deployed.containers, service),
        lambda names: any(BEING_REPLACED.match(name) for name in names),
        look_again_seconds=0.02,
    )


def random_bytes(size: int) -> bytes:
    """Bytes that cannot be compressed."""
    return random.randbytes(size)
