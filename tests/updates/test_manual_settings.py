"""Manual settings (`docker update`) are in no compose file. Updates and rollbacks keep them."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from dockrev.errors import Json
from dockrev.replacement import proof
from dockrev.replacement.manual_limits import described, manual_limits, unexplained_limits
from tests.e2e.api import Document, until
from tests.soak import soak
from tests.testbed.bed import Bed
from tests.testbed.requirements import COMPOSE_V2
from tests.updates.story import UNHEALTHY, Deployed, Story, statuses, with_compose
from tests.updates.test_disturbances import SLOWLY_UNHEALTHY, when

IN_THE_FILE = {"mem_limit": "64m", "cpus": 0.5, "pids_limit": 90, "restart": "always"}
BY_HAND: Mapping[str, Any] = {
    "Memory": 100_000_000,
    "MemorySwap": 150_000_000,
    "MemoryReservation": 50_000_000,
    "NanoCpus": 700_000_000,
    "CpuShares": 512,
    "CpusetCpus": "0",
    "PidsLimit": 70,
    "RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 7},
}


async def docker_update(deployed: Deployed, container_id: str, settings: Mapping[str, Any]) -> None:
    await asyncio.to_thread(
        deployed.story.engine.api.call,
        "POST",
        f"/containers/{container_id}/update",
        None,
        json.dumps(settings).encode(),
        {"Content-Type": "application/json"},
    )


async def set_on(deployed: Deployed, service: str, settings: Mapping[str, Any] = BY_HAND) -> None:
    for one in deployed.project.containers(service):
        await docker_update(deployed, one.container_id, settings)


def settings_of(deployed: Deployed, service: str, names: Mapping[str, Any] = BY_HAND) -> list[Document]:
    """The settings of each container of the service."""
    return [{name: one["HostConfig"][name] for name in names} for one in deployed.inspect(service)]


def lines(job: Document) -> list[str]:
    return [line["msg"] for line in job["logs"]]


@pytest.mark.parametrize(
    ("good", "in_the_file"),
    [(True, IN_THE_FILE), (False, {})],
    ids=["updated, with other limits in the file", "rolled back, with none in the file"],
)
async def test_a_manual_setting_is_kept(story: Story, good: bool, in_the_file: Mapping[str, Any]) -> None:
    old = story.push("web", "1")
    deployed = await story.deploy({"web": story.service("web", **in_the_file)})
    await set_on(deployed, "web")
    new = story.push("web", "2", healthcheck=None if good else UNHEALTHY)
    await deployed.checked()

    job = await deployed.update("web")

    assert statuses(job) == {"web": "updated" if good else "rolled_back"}, job
    assert deployed.runs("web") == {str((new if good else old).image_id)}
    assert settings_of(deployed, "web") == [BY_HAND]
    [name] = deployed.containers()
    assert any(f"{name} has its manual settings again: " in line for line in lines(job))
    assert "not as before" not in "".join(lines(job))
    assert not await deployed.changed_by_hand()
    assert settings_of(deployed, "web") == [BY_HAND]


@pytest.mark.parametrize("good", [soak(True), False], ids=["updated", "rolled back"])
async def test_a_limit_that_was_lifted_by_hand_stays_lifted(story: Story, good: bool) -> None:
    story.push("web", "1")
    deployed = await story.deploy({"web": story.service("web", **IN_THE_FILE)})
    lifted = {"PidsLimit": 0, "RestartPolicy": {"Name": "no", "MaximumRetryCount": 0}}
    await set_on(deployed, "web", {"PidsLimit": -1, "RestartPolicy": {"Name": "no"}})
    assert settings_of(deployed, "web", lifted) == [lifted]
    story.push("web", "2", healthcheck=None if good else UNHEALTHY)
    await deployed.checked()

    job = await deployed.update("web")

    assert statuses(job) == {"web": "updated" if good else "rolled_back"}, job
    assert settings_of(deployed, "web", lifted) == [lifted]


async def test_each_replica_keeps_its_own_manual_settings(story: Story) -> None:
    story.push("web", "1")
    deployed = await story.deploy({"web": story.service("web", deploy={"replicas": 2})})
    first, second = deployed.project.containers("web")
    await docker_update(deployed, first.container_id, {"CpuShares": 111})
    await docker_update(deployed, second.container_id, {"PidsLimit": 55})
    names = {"CpuShares": 0, "PidsLimit": 0}
    before = settings_of(deployed, "web", names)
    new = story.push("web", "2")
    await deployed.checked()

    job = await deployed.update("web")

    assert (job["status"], deployed.runs("web")) == ("success", {str(new.image_id)}), job
    assert settings_of(deployed, "web", names) == before
    assert not await deployed.changed_by_hand()


@pytest.mark.parametrize("good", [soak(True), False], ids=["updated", "rolled back"])
async def test_recreated_dependents_keep_their_manual_settings(story: Story, good: bool) -> None:
    """Compose's hash of a dependent covers the id of its owner, so the hash changes without any new file."""
    for name in ("vpn", "rider"):
        story.push(name, "1")
    deployed = await story.deploy(
        {
            "vpn": story.service("vpn"),
            "near": story.service("rider", network_mode="service:vpn", ipc="shareable"),
            "far": story.service("rider", pid="service:near", ipc="service:near"),
        }
    )
    for name in ("near", "far"):
        await set_on(deployed, name)
    story.push("vpn", "2", healthcheck=None if good else UNHEALTHY)
    await deployed.checked(3)

    job = await deployed.update("vpn")

    assert statuses(job) == {"vpn": "updated" if good else "rolled_back"}, job
    assert settings_of(deployed, "near") == settings_of(deployed, "far") == [BY_HAND]
    assert "not as before" not in "".join(lines(job))
    assert not await deployed.changed_by_hand()


async def test_a_dependent_follows_its_changed_file_and_the_job_names_the_lost_setting(
    story: Story,
) -> None:
    for name in ("vpn", "rider"):
        story.push(name, "1")
    riding = story.service("rider", network_mode="service:vpn")
    deployed = await story.deploy({"vpn": story.service("vpn"), "rider": riding})
    await set_on(deployed, "rider", {"PidsLimit": 70})
    deployed.project.configure({"vpn": story.service("vpn"), "rider": {**riding, "cpu_shares": 300}})
    story.push("vpn", "2")
    await deployed.checked(2)

    job = await deployed.update("vpn")

    assert job["status"] == "success", job
    assert settings_of(deployed, "rider", {"PidsLimit": 0, "CpuShares": 0}) == [
        {"PidsLimit": None, "CpuShares": 300}
    ]
    [line] = [line for line in lines(job) if "is not carried over" in line]
    assert "had PidsLimit 70;" in line


@pytest.mark.parametrize("good", [True, False], ids=["updated", "rolled back"])
async def test_a_dependent_keeps_its_manual_settings_on_compose_v1(story_on_v1: Story, good: bool) -> None:
    story = story_on_v1
    for name in ("vpn", "rider"):
        story.push(name, "1")
    deployed = await story.deploy(
        {"vpn": story.service("vpn"), "rider": story.service("rider", network_mode="service:vpn")}
    )
    await set_on(deployed, "rider")
    story.push("vpn", "2", healthcheck=None if good else UNHEALTHY)
    await deployed.checked(2)

    job = await deployed.update("vpn")

    assert statuses(job) == {"vpn": "updated" if good else "rolled_back"}, job
    assert settings_of(deployed, "rider") == [BY_HAND]
    assert not await deployed.changed_by_hand()


async def test_a_changed_compose_file_wins_over_manual_settings_and_the_job_says_so(story: Story) -> None:
    story.push("web", "1")
    deployed = await story.deploy({"web": story.service("web", mem_limit="64m")})
    await set_on(deployed, "web", {"PidsLimit": 70})
    deployed.project.configure({"web": story.service("web", mem_limit="80m")})
    story.push("web", "2")
    await deployed.checked()

    job = await deployed.update("web")

    assert job["status"] == "success", job
    [settings] = settings_of(deployed, "web", {"Memory": 0, "PidsLimit": 0})
    assert settings == {"Memory": 80 * 1024 * 1024, "PidsLimit": None}
    [line] = [line for line in lines(job) if "is not carried over" in line]
    assert "Memory 67108864, MemorySwap 134217728, PidsLimit 70;" in line
    assert not await deployed.changed_by_hand()


def container(settings: Mapping[str, Json], config_hash: str = "h") -> proof.Fingerprint:
    return proof.Fingerprint(
        config_hash, {f"host.{name}": proof.Setting(value) for name, value in settings.items()}
    )


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ({"BlkioWeight": 300}, {}, {"BlkioWeight": 300}),
        ({"CpuShares": 512, "CpuQuota": 5}, {"CpuShares": 512}, {"CpuQuota": 5}),
        ({"Memory": 5, "MemorySwap": 9}, {"Memory": 4, "MemorySwap": 9}, {"Memory": 5, "MemorySwap": 9}),
        ({"Memory": 5}, {}, {"Memory": 5}),
        ({"MemorySwap": -1, "Memory": 5}, {"Memory": 5}, {"Memory": 5, "MemorySwap": -1}),
        ({}, {"PidsLimit": 9}, {"PidsLimit": -1}),
        ({"RestartPolicy": {}}, {"RestartPolicy": {"Name": "always"}}, {"RestartPolicy": {"Name": "no"}}),
        ({"Privileged": True}, {}, {}),
        ({"CpuShares": 512}, {"CpuShares": 512}, {}),
    ],
)
def test_manual_limits_are_those_that_the_new_container_lacks(
    old: dict[str, Json], new: dict[str, Json], expected: dict[str, Json]
) -> None:
    assert manual_limits(container(old), container(new)) == expected
    assert not unexplained_limits(container(old), container(new))


def test_after_a_changed_file_nobody_knows_who_set_a_limit() -> None:
    old, new = (
        container({"PidsLimit": 5, "CpuShares": 9}, "old"),
        container({"CpuShares": 9, "CpuQuota": 4}, "new"),
    )
    assert not manual_limits(old, new)
    assert unexplained_limits(old, new) == {"PidsLimit": 5}


def test_limits_are_described_by_the_engines_names() -> None:
    policy: Json = {"Name": "on-failure", "MaximumRetryCount": 7}
    assert described({"Memory": 5, "RestartPolicy": policy}) == "Memory 5, RestartPolicy on-failure:7"


_HELD = f"""#!/bin/sh
{COMPOSE_V2} "$@" || exit $?
case " $* " in *" --dry-run "*) ;; *" up "*)
    touch "$(dirname "$0")/up"
    while [ -e "$(dirname "$0")/hold" ]; do sleep 0.05; done;;
esac
"""
"""A Compose that has done its work and then waits before it exits."""


@pytest.fixture
async def held(story: Story, bed: Bed, tmp_path: Path) -> AsyncIterator[Path]:
    """A directory. While it has a file `hold`, Compose does not exit. The file `up` shows that it waits."""
    async with with_compose(story, bed, tmp_path, _HELD):
        yield tmp_path


@pytest.mark.parametrize("good", [True, soak(False)], ids=["in the update", "in the rollback"])
async def test_a_manual_setting_is_kept_when_the_server_is_killed_before_it_is_set(
    story: Story, held: Path, good: bool
) -> None:
    """The kill comes right after Compose has created the new container."""
    story.push("web", "1")
    deployed = await story.deploy({"web": story.service("web", **IN_THE_FILE)})
    await set_on(deployed, "web")
    story.push("web", "2", healthcheck=None if good else SLOWLY_UNHEALTHY)
    await deployed.checked()
    if good:
        (held / "hold").touch()
    job_id = await deployed.start("web")
    if not good:
        await when(deployed, job_id, "verify")
        (held / "up").unlink()
        (held / "hold").touch()
    await until(lambda: asyncio.to_thread((held / "up").exists), bool)
    story.server.kill()
    assert settings_of(deployed, "web") != [BY_HAND]
    (held / "hold").unlink()
    made = deployed.containers()
    story.server.start()
    await story.server.serving()

    job = await deployed.ended(job_id)

    assert statuses(job) == {"web": "updated" if good else "rolled_back"}, job
    assert settings_of(deployed, "web") == [BY_HAND]
    assert deployed.containers() == made
    assert not await deployed.changed_by_hand()
