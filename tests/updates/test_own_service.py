"""Dockrev never replaces, stops or pauses its own service."""

import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.cli.command import Cli
from tests.e2e.api import Refused
from tests.e2e.server_process import ServerProcess
from tests.soak import soak
from tests.testbed.bed import Bed
from tests.updates.story import UNHEALTHY, Deployed, Story, outcomes, settle_for, target_of

_AS_IN_A_CONTAINER = 'mount --bind "$1" /etc/hostname; shift; exec "$@"'
HOLDING = {"stop", "die", "kill", "pause"}


@pytest.fixture
def server(story: Story, bed: Bed, tmp_path: Path) -> ServerProcess:
    """The story's own server. It is not started yet."""
    story.server = ServerProcess(
        tmp_path, story.engine.host, DOCKREV_DOCKER_CONFIG=str(bed.docker_config.file)
    )
    return story.server


@asynccontextmanager
async def serving(server: ServerProcess, **backup: Any) -> AsyncIterator[None]:
    async with server.running():
        settle_for(server, **backup)
        yield


def in_container(server: ServerProcess, deployed: Deployed, service: str) -> None:
    """Makes the server believe that it runs in the container, by the mount of the engine's host name file."""
    [container] = deployed.inspect(service)
    name_file = container["HostnamePath"]
    server.command_prefix = ("unshare", "--mount", "sh", "-e", "-c", _AS_IN_A_CONTAINER, "sh", name_file)


def with_its_image(server: ServerProcess, deployed: Deployed, service: str) -> None:
    """Makes the server believe that it runs from the service's image.

    The tag has moved, so the list of containers shows the image id instead of the name.
    """
    story = deployed.story
    name = story.pushed[service].name
    server.env["DOCKREV_IMAGE_REPO"] = name.rpartition(":")[0]
    story.engine.load(story.images.build(service, version="moved"), name)
    assert {one.image for one in deployed.project.containers(service)} <= deployed.runs(service)


def events_of(deployed: Deployed, service: str, since: int) -> set[str]:
    """The events of the service's container."""
    [container] = deployed.project.containers(service)
    query = {
        "since": since,
        "until": int(time.time()) + 1,
        "filters": {"container": [container.container_id]},
    }
    stream = deployed.story.engine.api.call("GET", "/events", query)
    return {json.loads(line)["Action"] for line in stream.splitlines()}


async def test_dockrev_does_not_update_its_own_service(story: Story, server: ServerProcess) -> None:
    for name in ("web", "mine"):
        story.push(name, "1")
    deployed = await story.deploy({"web": story.service("web"), "mine": story.service("mine")})
    in_container(server, deployed, "mine")
    async with serving(server):
        for name in ("web", "mine"):
            story.push(name, "2")
        services = await deployed.checked(2)

        with pytest.raises(Refused) as refusal:
            await deployed.start("mine")
        with pytest.raises(Refused) as too_much:
            await deployed.start("web", "mine")
        stack = {"scope": "stack", "targets": [target_of(services["web"])], "mode": "dry-run"}
        async with story.api() as api:
            stack["stackId"] = (await api.stack(deployed.project.name))["id"]
            job = await api.finished((await api.post("/api/updates", stack))["jobId"])

    assert (refusal.value.status, refusal.value.error["details"]["reason"]) == (400, "own_service")
    assert too_much.value.error["details"]["extraServiceIds"] == [services["mine"]["id"]]
    assert (job["status"], set(outcomes(job))) == ("success", {"web"}), job


async def test_dockrev_is_not_recreated_as_a_dependent(story: Story, server: ServerProcess) -> None:
    for name in ("web", "mine"):
        story.push(name, "1")
    mine = story.service("mine", pid="service:web")
    deployed = await story.deploy({"web": story.service("web"), "mine": mine})
    in_container(server, deployed, "mine")
    async with serving(server):
        story.push("web", "2")
        await deployed.checked(2)
        before = deployed.containers()
        job = await deployed.update("web")

    assert (job["status"], outcomes(job)["web"]["step"]) == ("failed", "preflight"), job
    assert "mine is Dockrev itself" in outcomes(job)["web"]["reason"]
    assert deployed.containers() == before


@pytest.fixture
async def sharing(story: Story) -> Deployed:
    """Three services with the same data. One of them will be Dockrev itself."""
    for name in ("web", "peer", "mine"):
        story.push(name, "1")
    services = {name: story.service(name, volumes=["data:/data"]) for name in ("web", "peer", "mine")}
    return await story.deploy(services, volumes={"data": {}})


@pytest.mark.parametrize(
    ("is_itself", "mode", "holding"),
    [
        (in_container, "stop", "die"),
        (with_its_image, "pause", "pause"),
        soak(in_container, "pause", "pause"),
        soak(with_its_image, "stop", "die"),
    ],
)
async def test_dockrev_keeps_running_while_a_backup_and_a_rollback_hold_the_others(
    story: Story, server: ServerProcess, sharing: Deployed, is_itself: Any, mode: str, holding: str
) -> None:
    is_itself(server, sharing, "mine")
    since = int(time.time())
    async with serving(server, mode=mode, restoreDataOnRollback=True):
        story.push("web", "2", healthcheck=UNHEALTHY)
        await sharing.checked(3)
        job = await sharing.update("web")

    assert job["status"] == "rolled_back", job
    assert job["summary"]["stacks"][0]["backup"]["status"] == "success"
    assert any("restored from the backup" in line["msg"] for line in job["logs"])
    assert {holding, "die"} <= events_of(sharing, "peer", since)
    assert not events_of(sharing, "mine", since) & HOLDING


async def test_a_restore_by_hand_does_not_stop_dockrev(
    story: Story, server: ServerProcess, sharing: Deployed
) -> None:
    with_its_image(server, sharing, "mine")
    async with serving(server):
        story.push("web", "2")
        await sharing.checked(3)
        assert (await sharing.update("web"))["status"] == "success"
        since = int(time.time())
        cli = Cli(server.directory, story.engine.host)
        repository = server.env["DOCKREV_IMAGE_REPO"]
        [backup] = (await cli.run("backup", "list", "--json")).document
        said = await cli.run(
            *("backup", "restore", backup["id"], "--yes"),
            DOCKREV_IMAGE_REPO=repository,
            DOCKREV_HTTP_ADDR=f"127.0.0.1:{server.port}",
        )

    assert said.code == 0, said
    assert "die" in events_of(sharing, "peer", since)
    assert not events_of(sharing, "mine", since) & HOLDING
