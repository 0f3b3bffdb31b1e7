"""Services that share a namespace of another service stop, are recreated and roll back together with it."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.api import Document, until
from tests.soak import soak
from tests.testbed.images import Healthcheck
from tests.updates.story import (
    CORRUPTING,
    UNHEALTHY,
    Deployed,
    Story,
    hashes,
    outcomes,
    protective_tags,
    settle_for,
    statuses,
    step,
)


@pytest.fixture
def saving(story: Story, request: pytest.FixtureRequest) -> Iterator[Story]:
    settle_for(story.server, restoreDataOnRollback=True, mode=request.param)
    yield story
    settle_for(story.server)


@pytest.mark.parametrize(
    ("saving", "owner", "rider"),
    [
        ("live", "app", "sidecar"),
        soak("stop", "vpn", "client"),
        soak("live", "vpn", "client"),
        soak("stop", "app", "sidecar"),
    ],
    indirect=["saving"],
)
async def test_data_that_a_service_shares_with_its_dependent_is_restored(
    saving: Story, tmp_path: Path, owner: str, rider: str
) -> None:
    """Whichever service the engine lists first: the rider can start only while its owner runs."""
    data = tmp_path / "rows"
    data.mkdir()
    (data / "table").write_text("rows")
    for name in (owner, rider):
        saving.push(name, "1")
    deployed = await saving.deploy(
        {
            owner: saving.service(owner, volumes=[f"{data}:/data"]),
            rider: saving.service(rider, volumes=[f"{data}:/data"], network_mode=f"service:{owner}"),
        }
    )
    images = {name: deployed.runs(name) for name in (owner, rider)}
    before = hashes(data)
    saving.push(owner, "2", command=CORRUPTING, healthcheck=UNHEALTHY)
    await deployed.checked(2)

    job = await deployed.update(owner)

    assert statuses(job) == {owner: "rolled_back"}, job
    assert hashes(data) == before
    assert {name: deployed.runs(name) for name in (owner, rider)} == images
    assert not await deployed.changed_by_hand()
    assert not protective_tags(saving, job["id"])


@pytest.mark.soak
async def test_a_dependent_has_its_network_after_a_backup_that_stopped_the_owner(story: Story) -> None:
    settle_for(story.server, mode="stop")
    story.push("vpn", "1")
    story.push("client", "1", healthcheck=Healthcheck("grep eth0 /proc/net/dev", interval_seconds=0.3))
    services: dict[str, Any] = {
        "vpn": story.service("vpn", volumes=["keys:/data"]),
        "client": story.service("client", network_mode="service:vpn"),
    }
    deployed = await story.deploy(services, volumes={"keys": {}})
    story.push("vpn", "2")
    await deployed.checked(2)
    assert set(await looks(deployed)) == {0}

    job = await cancelled_after_the_backup(deployed)
    settle_for(story.server)

    assert outcomes(job)["vpn"]["reason"].startswith("the job was cancelled"), job
    assert set(await looks(deployed)) == {0}


async def cancelled_after_the_backup(deployed: Deployed) -> Document:
    job_id = await deployed.start("vpn")
    async with deployed.story.api() as api, api.stream(f"/api/jobs/{job_id}/events") as events:
        await step(events, "backup", "done")
        await api.post(f"/api/jobs/{job_id}/cancel")
    return await deployed.ended(job_id)


async def looks(deployed: Deployed) -> list[int]:
    """The exit codes of the client's next health checks."""
    since = datetime.now(UTC)

    async def results() -> list[int]:
        [container] = await asyncio.to_thread(deployed.inspect, "client")
        log = container["State"]["Health"]["Log"]
        return [look["ExitCode"] for look in log if datetime.fromisoformat(look["Start"]) > since]

    return await until(results, bool)


DOOR = "wget -q -O /dev/null http://127.0.0.1:80/door"
SERVE = ("/bin/sh", "-c", 'trap "exit 0" TERM; httpd -f -p 80 -h / & wait')
CHAIN = ("client", "proxy", "tracer", "vpn")


async def chain(story: Story, **vpn: Any) -> Deployed:
    """The client uses the proxy's network, the proxy the vpn's, and the tracer the client's processes."""
    story.push("vpn", "1", files={"door": b"open"}, command=SERVE)
    story.push("proxy", "1")
    story.push("client", "1", healthcheck=Healthcheck(DOOR, interval_seconds=0.3, retries=3))
    story.push("tracer", "1")
    deployed = await story.deploy(
        {
            "client": story.service("client", network_mode="service:proxy"),
            "proxy": story.service("proxy", network_mode="service:vpn"),
            "tracer": story.service("tracer", pid="service:client"),
            "vpn": story.service("vpn", **vpn),
        }
    )
    await asyncio.to_thread(deployed.project.until, "client", lambda one: "(healthy)" in one.status)
    return deployed


def assert_linked(deployed: Deployed) -> None:
    """Each service shares the namespace of the current container of its owner."""
    [client], [proxy], [tracer], [vpn] = (deployed.inspect(name) for name in CHAIN)
    assert client["HostConfig"]["NetworkMode"] == f"container:{proxy['Id']}"
    assert proxy["HostConfig"]["NetworkMode"] == f"container:{vpn['Id']}"
    assert tracer["HostConfig"]["PidMode"] == f"container:{client['Id']}"
    assert client["State"]["Health"]["Status"] == "healthy"
    assert {one["State"]["Status"] for one in (client, proxy, tracer, vpn)} == {"running"}


async def test_indirect_dependents_are_recreated_too(story: Story) -> None:
    await assert_all_come_with_it(story)


@pytest.mark.soak
async def test_indirect_dependents_are_recreated_on_compose_v1_too(story_on_v1: Story) -> None:
    await assert_all_come_with_it(story_on_v1)


async def assert_all_come_with_it(story: Story) -> None:
    deployed = await chain(story)
    companions = {name: deployed.runs(name) for name in CHAIN[:3]}
    new = story.push("vpn", "2", files={"door": b"open"}, command=SERVE)
    await deployed.checked(4)

    job = await deployed.update("vpn")

    assert (job["status"], deployed.runs("vpn")) == ("success", {str(new.image_id)}), job
    assert {name: deployed.runs(name) for name in companions} == companions
    assert_linked(deployed)
    assert not await deployed.changed_by_hand()


async def test_an_unhealthy_indirect_dependent_rolls_all_of_them_back(story: Story) -> None:
    """The new image of the vpn does not serve the page that the others need."""
    deployed = await chain(story)
    images = {name: deployed.runs(name) for name in CHAIN}
    story.push("vpn", "2", command=SERVE)
    await deployed.checked(4)

    job = await deployed.update("vpn")

    assert (job["status"], statuses(job)) == ("rolled_back", {"vpn": "rolled_back"}), job
    assert "client was recreated with it, and container" in outcomes(job)["vpn"]["reason"]
    assert {name: deployed.runs(name) for name in CHAIN} == images
    assert_linked(deployed)
    assert not await deployed.changed_by_hand()


async def test_indirect_dependents_stop_for_the_restore_and_run_again(story: Story, tmp_path: Path) -> None:
    settle_for(story.server, restoreDataOnRollback=True, mode="stop")
    data = tmp_path / "rows"
    data.mkdir()
    (data / "table").write_text("rows")
    deployed = await chain(story, volumes=[f"{data}:/data"])
    images = {name: deployed.runs(name) for name in CHAIN}
    before = hashes(data)
    story.push("vpn", "2", command=CORRUPTING, healthcheck=UNHEALTHY)
    await deployed.checked(4)

    job = await deployed.update("vpn")
    settle_for(story.server)

    assert statuses(job) == {"vpn": "rolled_back"}, job
    assert hashes(data) == before
    assert {name: deployed.runs(name) for name in CHAIN} == images
    assert_linked(deployed)
    assert not await deployed.changed_by_hand()


async def test_indirect_dependents_have_their_network_after_a_backup_that_stopped_the_owner(
    story: Story, tmp_path: Path
) -> None:
    """The job is cancelled right after the backup, so nothing is recreated."""
    settle_for(story.server, mode="stop")
    deployed = await chain(story, volumes=[f"{tmp_path}:/data"])
    containers = deployed.containers()
    story.push("vpn", "2")
    await deployed.checked(4)

    job = await cancelled_after_the_backup(deployed)
    settle_for(story.server)

    assert outcomes(job)["vpn"]["reason"].startswith("the job was cancelled"), job
    assert deployed.containers() == containers
    assert set(await looks(deployed)) == {0}


async def test_a_dependent_that_was_updated_itself_stays_updated_when_its_owner_rolls_back(
    story: Story,
) -> None:
    """The new image does not work for the worker. The vpn uses the same image name."""
    fails = Healthcheck('test "$ROLE" != worker', interval_seconds=0.3, retries=2)
    for name in ("vpn", "rider"):
        story.push(name, "1")
    deployed = await story.deploy(
        {
            "vpn": story.service("vpn"),
            "rider": story.service("rider", network_mode="service:vpn"),
            "worker": story.service("vpn", depends_on=["rider"], environment={"ROLE": "worker"}),
        }
    )
    old = deployed.runs("vpn")
    story.push("vpn", "2", healthcheck=fails)
    rider = story.push("rider", "2")
    await deployed.checked(3)

    job = await deployed.update("vpn", "rider", "worker")

    expected = {"vpn": "rolled_back", "rider": "updated", "worker": "rolled_back"}
    assert statuses(job) == expected, job
    assert (deployed.runs("vpn"), deployed.runs("rider")) == (old, {str(rider.image_id)})
    assert not await deployed.changed_by_hand()
