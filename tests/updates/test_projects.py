"""Updates of realistic projects: replicas, dependencies, shared networks, and all settings of containers."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any
from zlib import crc32

import pytest

from tests.e2e.api import Refused
from tests.soak import soak
from tests.testbed.access import OPERATOR
from tests.testbed.bed import Bed
from tests.testbed.images import Healthcheck
from tests.updates.story import (
    UNHEALTHY,
    Deployed,
    Story,
    outcomes,
    protective_tags,
    statuses,
)

SLOWLY_SOUND = Healthcheck("sleep 1", interval_seconds=0.2)


async def test_three_replicas_are_updated_and_rolled_back_together(story: Story) -> None:
    old = story.push("web", "1")
    deployed = await story.deploy({"web": story.service("web", deploy={"replicas": 1})})
    await asyncio.to_thread(deployed.project.compose, "up", "--detach", "--scale", "web=3")
    new = story.push("web", "2")
    await deployed.checked()
    job = await deployed.update("web")
    assert job["status"] == "success", job
    assert [image for _, image, _ in deployed.containers("web").values()] == [str(new.image_id)] * 3

    story.push("web", "3", healthcheck=UNHEALTHY)
    await deployed.checked()
    job = await deployed.update("web")
    assert job["status"] == "rolled_back", job
    assert [image for _, image, _ in deployed.containers("web").values()] == [str(new.image_id)] * 3
    assert old.image_id != new.image_id


@pytest.mark.soak
async def test_services_in_the_network_of_another_are_recreated_with_it(story: Story) -> None:
    story.push("vpn", "1")
    rider = story.push("rider", "1")
    deployed = await story.deploy(
        {"vpn": story.service("vpn"), "rider": story.service("rider", network_mode="service:vpn")}
    )
    before = deployed.containers("rider")
    new = story.push("vpn", "2")
    await deployed.checked(2)

    job = await deployed.update("vpn")

    assert (job["status"], deployed.runs("vpn")) == ("success", {str(new.image_id)}), job
    assert deployed.runs("rider") == {str(rider.image_id)}
    assert deployed.containers("rider") != before
    [vpn], [riding] = deployed.inspect("vpn"), deployed.inspect("rider")
    assert riding["HostConfig"]["NetworkMode"] == f"container:{vpn['Id']}"
    assert not await deployed.changed_by_hand()


@pytest.mark.parametrize("source", ["data", soak("data:ro")])
async def test_services_with_the_volumes_of_another_are_recreated_with_it(story: Story, source: str) -> None:
    for name in ("data", "user"):
        story.push(name, "1", volumes=("/rows",))
    deployed = await story.deploy(
        {"data": story.service("data"), "user": story.service("user", volumes_from=[source])}
    )
    await asyncio.to_thread(
        deployed.project.compose, "exec", "--no-TTY", "data", "sh", "-c", "echo kept > /rows/one"
    )
    new = story.push("data", "2", volumes=("/rows", "/more"))
    await deployed.checked(2)

    job = await deployed.update("data")

    assert (job["status"], deployed.runs("data")) == ("success", {str(new.image_id)}), job
    read = ("exec", "--no-TTY", "user", "cat", "/rows/one")
    assert "kept" in await asyncio.to_thread(deployed.project.compose, *read)
    assert not await deployed.changed_by_hand()


async def test_a_dependent_does_not_get_an_image_that_nobody_approved(story: Story) -> None:
    for name in ("vpn", "rider"):
        story.push(name, "1")
    deployed = await story.deploy(
        {"vpn": story.service("vpn"), "rider": story.service("rider", network_mode="service:vpn")}
    )
    for name in ("vpn", "rider"):
        story.push(name, "2")
    await asyncio.to_thread(deployed.project.compose, "pull", "rider")
    await deployed.checked(2)
    before = deployed.containers()

    job = await deployed.update("vpn")

    assert (job["status"], outcomes(job)["vpn"]["step"]) == ("failed", "preflight"), job
    assert "rider has to be recreated" in outcomes(job)["vpn"]["reason"]
    assert deployed.containers() == before


@pytest.mark.soak
async def test_a_dependent_that_fails_in_the_new_network_rolls_both_back(story: Story) -> None:
    story.push("rider", "1")
    needs_door = "wget -q -O /dev/null http://127.0.0.1:80/door || exit 7; sleep 999 & wait"
    serve = ("/bin/sh", "-c", "httpd -f -p 80 -h / & wait")
    old = story.push("vpn", "1", files={"door": b"open"}, command=serve)
    rider = story.service(
        "rider", network_mode="service:vpn", command=["/bin/sh", "-c", f"sleep 0.3; {needs_door}"]
    )
    deployed = await story.deploy({"vpn": story.service("vpn"), "rider": rider})
    story.push("vpn", "2", command=serve)
    await deployed.checked(2)

    job = await deployed.update("vpn")

    assert (job["status"], deployed.runs("vpn")) == ("rolled_back", {str(old.image_id)}), job
    assert "rider-1 is exited (exit code 7)" in outcomes(job)["vpn"]["reason"]
    deployed.project.until("rider", lambda one: one.state == "running")


async def test_a_service_waits_for_the_health_of_what_it_depends_on(story: Story) -> None:
    story.push("db", "1", healthcheck=SLOWLY_SOUND)
    story.push("web", "1")
    needs = {"depends_on": {"db": {"condition": "service_healthy"}}}
    deployed = await story.deploy({"web": story.service("web", **needs), "db": story.service("db")})
    story.push("db", "2", healthcheck=SLOWLY_SOUND)
    story.push("web", "2")
    await deployed.checked(2)

    job = await deployed.update("web", "db")

    assert (job["status"], statuses(job)) == ("success", {"db": "updated", "web": "updated"}), job
    [db], [web] = deployed.inspect("db"), deployed.inspect("web")
    assert db["State"]["Health"]["Status"] == "healthy"
    assert db["State"]["Health"]["Log"][0]["End"][:19] <= web["Created"][:19]
    assert not await deployed.changed_by_hand()


RICH: Mapping[str, Any] = {
    "hostname": "front",
    "environment": {"TOKEN": "s3cret", "EMPTY": ""},
    "labels": {"team": "blue"},
    "command": ["/bin/sh", "-c", 'trap "exit 0" TERM; sleep 999 & wait'],
    "user": "1000:1000",
    "working_dir": "/tmp",
    "mem_limit": "64m",
    "cpus": 0.5,
    "cap_drop": ["NET_RAW"],
    "read_only": True,
    "ulimits": {"nofile": 2048},
    "restart": "unless-stopped",
    "extra_hosts": ["other:10.9.9.9"],
    "tmpfs": ["/scratch"],
    "logging": {"driver": "json-file", "options": {"max-size": "1m"}},
    "configs": [{"source": "settings", "target": "/settings"}],
    "secrets": ["password"],
    "volumes": ["data:/data", "./:/project:ro"],
}


def subnet(story: Story) -> str:
    """The first three numbers of a subnet that no other test uses at the same time."""
    return f"10.213.{crc32(story.registry.namespace.encode()) % 256}"


async def rich(story: Story) -> Deployed:
    inner = {"aliases": ["www", "front-end"], "ipv4_address": f"{subnet(story)}.44"}
    return await story.deploy(
        {"web": story.service("web", networks={"inner": inner, "outer": {}}, **RICH)},
        title="rich",
        files={"settings.txt": "a = 1\n", "password.txt": "hidden\n"},
        networks={"inner": {"ipam": {"config": [{"subnet": f"{subnet(story)}.0/24"}]}}, "outer": {}},
        volumes={"data": {}},
        configs={"settings": {"file": "./settings.txt"}},
        secrets={"password": {"file": "./password.txt"}},
    )


def form(deployed: Deployed) -> Mapping[str, Any]:
    """The settings that must survive, collected without the code of the proof."""
    [container] = deployed.inspect("web")
    networks = container["NetworkSettings"]["Networks"]
    labels = {key: value for key, value in container["Config"]["Labels"].items() if "compose" not in key}
    own_order = ("Binds", "Mounts")  # Compose writes these in any order; the mounts are compared below
    host = {key: value for key, value in container["HostConfig"].items() if key not in own_order}
    return {
        "name": container["Name"],
        "host": json.dumps(host, sort_keys=True),
        "env": sorted(container["Config"]["Env"]),
        "command": container["Config"]["Cmd"],
        "user": container["Config"]["User"],
        "labels": {key: value for key, value in labels.items() if "opencontainers" not in key},
        "mounts": sorted(
            (one["Type"], one["Source"], one["Destination"], one["RW"]) for one in container["Mounts"]
        ),
        "address": networks[f"{deployed.project.name}_inner"]["IPAddress"],
        "aliases": {
            name: sorted(set(one["Aliases"]) - {container["Id"][:12]}) for name, one in networks.items()
        },
    }


@pytest.mark.parametrize("good", [True, False], ids=["updated", "rolled back"])
async def test_an_update_keeps_all_settings_of_a_container(story: Story, good: bool) -> None:
    story.push("web", "1")
    deployed = await rich(story)
    before = form(deployed)
    story.push("web", "2", healthcheck=None if good else UNHEALTHY)
    await deployed.checked()

    job = await deployed.update("web")

    assert job["status"] == ("success" if good else "rolled_back"), job
    assert form(deployed) == before
    assert before["address"] == f"{subnet(story)}.44"
    assert not await deployed.changed_by_hand()


async def test_an_image_that_needs_a_login_is_pulled_with_it(story: Story, bed: Bed) -> None:
    story.registry = bed.password_registry.within(story.registry.namespace)
    story.push("web", "1")
    deployed = await story.deploy({"web": story.service("web")})
    new = story.push("web", "2")
    await deployed.checked()

    job = await deployed.update("web")

    assert (job["status"], deployed.runs("web")) == ("success", {str(new.image_id)}), job
    assert OPERATOR.password not in story.server.logs() + json.dumps(job)


async def test_a_second_update_is_refused_with_the_job_of_the_first(story: Story) -> None:
    story.push("web", "1")
    deployed = await story.deploy({"web": story.service("web")})
    story.push("web", "2", healthcheck=SLOWLY_SOUND)
    await deployed.checked()
    first = await deployed.start("web")

    with pytest.raises(Refused) as refusal:
        await deployed.start("web")

    assert refusal.value.status == 409
    assert refusal.value.error["details"]["existingJobId"] == first
    assert (await deployed.ended(first))["status"] == "success"


async def test_checks_and_scans_do_not_disturb_an_update(story: Story) -> None:
    story.push("web", "1")
    deployed = await story.deploy({"web": story.service("web")})
    new = story.push("web", "2", healthcheck=SLOWLY_SOUND)
    await deployed.checked()

    job_id = await deployed.start("web")
    async with story.api() as api:
        await api.post("/api/discovery/scan")
        scan = await api.finished((await api.post("/api/runtime-scans", {"scope": "all"}))["jobId"])
        check = await api.check_project(deployed.project.name)
        await api.post("/api/discovery/scan")
    job = await deployed.ended(job_id)

    assert (job["status"], check["status"], scan["status"]) == ("success", "success", "success"), job
    assert deployed.runs("web") == {str(new.image_id)}
    async with story.api() as api:
        await api.check_project(deployed.project.name)
        assert "candidate" not in (await api.services(deployed.project.name))["web"]


@pytest.mark.parametrize("good", [True, soak(False)], ids=["updated", "rolled back"])
async def test_updates_and_rollbacks_work_on_compose_v1(story_on_v1: Story, good: bool) -> None:
    story = story_on_v1
    old = {name: story.push(name, "1") for name in ("db", "web")}
    deployed = await story.deploy({"db": story.service("db"), "web": story.service("web", depends_on=["db"])})
    await asyncio.to_thread(deployed.project.compose, "up", "--detach", "--scale", "web=2")
    new = {
        name: story.push(name, "2", healthcheck=None if good or name == "db" else UNHEALTHY) for name in old
    }
    await deployed.checked(2)
    names = set(deployed.containers())

    job = await deployed.update("db", "web")

    assert job["status"] == ("success" if good else "rolled_back"), job
    assert outcomes(job)["db"]["status"] == "updated"
    assert deployed.runs("db") == {str(new["db"].image_id)}
    assert deployed.runs("web") == {str((new if good else old)["web"].image_id)}
    assert set(deployed.containers()) == names
    before = deployed.containers()
    await asyncio.to_thread(deployed.project.compose, "up", "--detach", "--scale", "web=2")
    assert deployed.containers() == before
    deployed.assert_own_files_only()
    assert not protective_tags(story, job["id"])
