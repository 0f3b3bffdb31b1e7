"""Services that live in the network of another, while that one stands still for its data."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.api import until
from tests.testbed.images import Healthcheck
from tests.updates.story import (
    CORRUPTING,
    SICK,
    Deployed,
    Story,
    hashes,
    outcomes,
    protective_tags,
    settle_for,
    statuses,
    step,
)


@pytest.fixture(params=["live", "stop"])
def saving(story: Story, request: pytest.FixtureRequest) -> Iterator[Story]:
    settle_for(story.server, restoreDataOnRollback=True, mode=request.param)
    yield story
    settle_for(story.server)


@pytest.mark.parametrize(("owner", "rider"), [("app", "sidecar"), ("vpn", "client")])
async def test_data_that_both_have_comes_back_under_them(
    saving: Story, tmp_path: Path, owner: str, rider: str
) -> None:
    """Whichever the engine names first: the rider can be started only when the owner runs."""
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
    saving.push(owner, "2", command=CORRUPTING, healthcheck=SICK)
    await deployed.checked(2)

    job = await deployed.update(owner)

    assert statuses(job) == {owner: "rolled_back"}, job
    assert hashes(data) == before
    assert {name: deployed.runs(name) for name in (owner, rider)} == images
    assert not await deployed.changed_by_hand()
    assert not protective_tags(saving, job["id"])


async def test_who_lives_in_its_network_has_one_after_a_backup_that_stopped_it(story: Story) -> None:
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
    job_id = await deployed.start("vpn")
    async with story.api() as api, api.stream(f"/api/jobs/{job_id}/events") as events:
        await step(events, "backup", "done")
        await api.post(f"/api/jobs/{job_id}/cancel")

    job = await deployed.ended(job_id)
    settle_for(story.server)

    assert outcomes(job)["vpn"]["reason"].startswith("the job was cancelled"), job
    assert set(await looks(deployed)) == {0}


async def looks(deployed: Deployed) -> list[int]:
    """What the next healthchecks of the client come to."""
    since = datetime.now(UTC)

    async def results() -> list[int]:
        [container] = await asyncio.to_thread(deployed.inspect, "client")
        log = container["State"]["Health"]["Log"]
        return [look["ExitCode"] for look in log if datetime.fromisoformat(look["Start"]) > since]

    return await until(results, bool)
