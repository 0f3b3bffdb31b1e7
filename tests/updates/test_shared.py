"""Services that share an image name, data or a namespace are updated together and roll back together."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.soak import soak
from tests.testbed.images import Healthcheck
from tests.updates.slow_front import SlowFront
from tests.updates.story import (
    HEALTHY,
    UNHEALTHY,
    Deployed,
    Story,
    hashes,
    outcomes,
    protective_tags,
    set_auto_rollback,
    settle_for,
    statuses,
    step,
)

UNHEALTHY_FOR_THE_WORKER = Healthcheck('test "$ROLE" != worker', interval_seconds=0.3, retries=2)


def writes(word: str) -> tuple[str, ...]:
    """A program that writes the word and its role into its data and keeps running."""
    return ("/bin/sh", "-c", f'echo {word} >> /data/$ROLE; trap "exit 0" TERM; sleep 999 & wait')


async def two_of_one_image(story: Story, **more: object) -> Deployed:
    """`web` is updated first. The second version does not work for `worker`."""
    story.push("app", "1", command=writes("old"))
    roles = {name: story.service("app", environment={"ROLE": name}, **more) for name in ("web", "worker")}
    roles["worker"]["depends_on"] = ["web"]
    deployed = await story.deploy(roles)
    story.push("app", "2", command=writes("new"), healthcheck=UNHEALTHY_FOR_THE_WORKER)
    await deployed.checked(2)
    return deployed


@pytest.fixture
def restoring(story: Story) -> Iterator[Story]:
    settle_for(story.server, restoreDataOnRollback=True)
    yield story
    settle_for(story.server)


async def test_services_with_the_image_name_of_a_failed_service_roll_back_with_it(story: Story) -> None:
    deployed = await two_of_one_image(story, tmpfs=["/data"])
    old = deployed.runs("web")

    job = await deployed.update("web", "worker")

    assert (job["status"], statuses(job)) == ("rolled_back", {"web": "rolled_back", "worker": "rolled_back"})
    assert outcomes(job)["worker"]["step"] == "verify"
    assert outcomes(job)["web"]["reason"].endswith("with worker, which rolls back")
    update = job["summary"]["stacks"][0]["update"]
    assert (update["failureStep"], update["reason"]) == ("verify", outcomes(job)["worker"]["reason"])
    assert (deployed.runs("web"), deployed.runs("worker")) == (old, old)
    assert not await deployed.changed_by_hand()
    deployed.assert_own_files_only()
    assert not protective_tags(story, job["id"])


async def test_shared_data_is_restored_once_for_all_services(restoring: Story, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    restoring.push("db", "1", command=writes("old"))
    restoring.push("web", "1", command=writes("old"))
    services = {
        name: restoring.service(name, environment={"ROLE": name}, volumes=[f"{data}:/data"])
        for name in ("db", "web")
    }
    services["web"]["depends_on"] = ["db"]
    deployed = await restoring.deploy(services)
    deployed.project.until("web", lambda _: (data / "web").exists())
    before, images = hashes(data), (deployed.runs("db"), deployed.runs("web"))
    for name in ("db", "web"):
        sick = {"healthcheck": UNHEALTHY} if name == "web" else {}
        restoring.push(name, "2", command=writes("new"), **sick)
    await deployed.checked(2)

    job = await deployed.update("db", "web")

    assert statuses(job) == {"db": "rolled_back", "web": "rolled_back"}, job
    assert "shares the data of path" in outcomes(job)["db"]["reason"]
    assert (deployed.runs("db"), deployed.runs("web")) == images
    assert {name: content for name, content, _ in hashes(data)} == {
        name: content + b"old\n" for name, content, _ in before
    }
    assert not await deployed.changed_by_hand()
    assert not protective_tags(restoring, job["id"])


async def test_a_second_service_uses_the_pulled_image_even_if_the_registry_fails(
    story: Story, front: SlowFront
) -> None:
    story.push("app", "1", healthcheck=HEALTHY)
    deployed = await story.deploy({name: story.service("app") for name in ("web", "worker")})
    new = story.push("app", "2", healthcheck=HEALTHY)
    await deployed.checked(2)
    job_id = await deployed.start("web", "worker")
    async with story.api() as api, api.stream(f"/api/jobs/{job_id}/events") as events:
        await step(events, "tag", "started")
    front.failures[str(story.pushed["app"].digest)] = 1000

    job = await deployed.ended(job_id)

    assert (job["status"], statuses(job)) == ("success", {"web": "updated", "worker": "updated"}), job
    assert deployed.runs("web") == deployed.runs("worker") == {str(new.image_id)}


async def test_the_job_names_other_services_that_use_the_image_name(story: Story) -> None:
    story.push("app", "1", command=writes("old"))
    service = story.service("app", environment={"ROLE": "any"}, tmpfs=["/data"])
    deployed = await story.deploy({"web": service, "other": service})
    story.push("app", "2", command=writes("new"))
    await deployed.checked(2)

    job = await deployed.update("web")

    assert statuses(job) == {"web": "updated"}
    lines = [line["msg"] for line in job["logs"] if ": tag done: " in line["msg"]]
    assert lines[0].endswith(f"; the next compose up of {deployed.project.name}/other uses this image too")


@pytest.mark.soak
async def test_a_dependent_that_becomes_unhealthy_in_the_new_network_rolls_both_back(story: Story) -> None:
    """The health of the dependent is checked after the update and after the rollback."""
    through_the_door = "wget -q -O /dev/null http://127.0.0.1:80/door"
    serve = ("/bin/sh", "-c", "httpd -f -p 80 -h / & wait")
    story.push("rider", "1", healthcheck=Healthcheck(through_the_door, interval_seconds=0.3, retries=3))
    old = story.push("vpn", "1", files={"door": b"open"}, command=serve)
    rider = story.service("rider", network_mode="service:vpn")
    deployed = await story.deploy({"vpn": story.service("vpn"), "rider": rider})
    deployed.project.until("rider", lambda one: "(healthy)" in one.status)
    story.push("vpn", "2", command=serve)
    await deployed.checked(2)

    job = await deployed.update("vpn")

    assert (job["status"], deployed.runs("vpn")) == ("rolled_back", {str(old.image_id)}), job
    assert "rider was recreated with it, and container" in outcomes(job)["vpn"]["reason"]
    [riding] = deployed.inspect("rider")
    assert riding["State"]["Health"]["Status"] == "healthy"
    assert not await deployed.changed_by_hand()


async def test_a_dependent_with_the_same_image_is_updated_with_it(story: Story) -> None:
    story.push("app", "1", healthcheck=HEALTHY)
    services = {"vpn": story.service("app"), "rider": story.service("app", network_mode="service:vpn")}
    deployed = await story.deploy(services)
    new = story.push("app", "2", healthcheck=HEALTHY)
    await deployed.checked(2)

    both = await deployed.update("vpn", "rider")
    assert statuses(both) == {"vpn": "updated", "rider": "updated"}, both
    assert (deployed.runs("vpn"), deployed.runs("rider")) == ({str(new.image_id)}, {str(new.image_id)})
    assert not await deployed.changed_by_hand()


async def test_each_service_rolls_back_to_its_own_previous_image_of_the_same_name(story: Story) -> None:
    """Somebody has pulled the name and recreated only one of its services."""
    deployed = await two_of_one_image(story, tmpfs=["/data"])
    old = deployed.runs("worker")
    story.push("app", "1.5", command=writes("half"))
    for words in (("pull", "web"), ("up", "--detach", "--no-deps", "web")):
        await asyncio.to_thread(deployed.project.compose, *words)
    half = deployed.runs("web")
    story.push("app", "2", command=writes("new"), healthcheck=UNHEALTHY_FOR_THE_WORKER)
    await deployed.checked(2)

    job = await deployed.update("web", "worker")

    assert statuses(job) == {"web": "rolled_back", "worker": "rolled_back"}, job
    assert (deployed.runs("web"), deployed.runs("worker")) == (half, old)


async def test_an_updated_service_rolls_back_when_another_with_its_image_name_was_not_reached(
    story: Story,
) -> None:
    """`worker` uses the image name of `web`, and the service that it depends on fails its own update."""
    for name in ("app", "broker"):
        story.push(name, "1")
    deployed = await story.deploy(
        {
            "web": story.service("app"),
            "broker": story.service("broker", depends_on=["web"]),
            "worker": story.service("app", depends_on=["broker"]),
        }
    )
    before = {name: deployed.runs(name) for name in ("web", "broker", "worker")}
    story.push("app", "2")
    story.push("broker", "2", healthcheck=UNHEALTHY)
    await deployed.checked(3)

    job = await deployed.update(*before)

    assert statuses(job) == {"web": "rolled_back", "broker": "rolled_back", "worker": "not_attempted"}, job
    assert outcomes(job)["web"]["reason"].endswith("with worker, which was not updated")
    assert job["summary"]["stacks"][0]["update"]["failureStep"] == "verify"
    assert {name: deployed.runs(name) for name in before} == before
    assert not await deployed.changed_by_hand()
    assert not protective_tags(story, job["id"])


@pytest.mark.soak
async def test_an_updated_service_stays_with_a_warning_when_automatic_rollback_is_off(story: Story) -> None:
    """`broker` stays as it failed, so `web` stays updated too. The update did not get to `worker`."""
    for name in ("app", "broker"):
        story.push(name, "1")
    deployed = await story.deploy(
        {
            "web": story.service("app"),
            "broker": story.service("broker", depends_on=["web"]),
            "worker": story.service("app", depends_on=["broker"]),
        }
    )
    old = deployed.runs("worker")
    new = story.push("app", "2")
    sick = story.push("broker", "2", healthcheck=UNHEALTHY)
    services = await deployed.checked(3)
    await set_auto_rollback(story, services["broker"]["id"], on=False)

    job = await deployed.update("web", "broker", "worker")

    assert statuses(job) == {"web": "updated", "broker": "failed", "worker": "not_attempted"}, job
    [warning] = [line for line in job["logs"] if "shares the image name" in line["msg"]]
    assert warning["level"] == "warn"
    where = f"{deployed.project.name}/web shares the image name {story.pushed['app'].name} with worker"
    assert (
        warning["msg"]
        == f"{where}, which was not updated and will start on the new image at its next compose up"
    )
    assert deployed.runs("web") == {str(new.image_id)}
    assert deployed.runs("broker") == {str(sick.image_id)}
    assert deployed.runs("worker") == old
    assert await deployed.changed_by_hand()
    assert deployed.runs("worker") == {str(new.image_id)}


@pytest.mark.parametrize("at", [soak("settle"), "pull"], ids=["before the second", "in the second"])
async def test_a_cancel_between_two_services_of_one_image_name_rolls_both_back(story: Story, at: str) -> None:
    deployed = await two_of_one_image(story, tmpfs=["/data"])
    old = deployed.runs("web")
    job_id = await deployed.start("web", "worker")
    async with story.api() as api, api.stream(f"/api/jobs/{job_id}/events") as events:
        await step(events, "settle", "done")
        if at == "pull":
            await step(events, at, "started")
        await api.post(f"/api/jobs/{job_id}/cancel")

    job = await deployed.ended(job_id)

    assert statuses(job)["web"] == "rolled_back", job
    assert (deployed.runs("web"), deployed.runs("worker")) == (old, old)
    assert not await deployed.changed_by_hand()


async def test_an_unchanged_service_that_was_stopped_meanwhile_is_not_reported_as_running(
    story: Story,
) -> None:
    story.push("app", "1", command=writes("old"))
    roles = {
        name: story.service("app", environment={"ROLE": name}, tmpfs=["/data"]) for name in ("web", "worker")
    }
    roles["worker"]["depends_on"] = ["web"]
    roles["web"]["stop_grace_period"] = "4s"
    deployed = await story.deploy(roles)
    story.push("app", "2", command=("/bin/sh", "-c", 'trap "" TERM; while :; do sleep 1; done'))
    await deployed.checked(2)
    job_id = await deployed.start("web", "worker")
    async with story.api() as api, api.stream(f"/api/jobs/{job_id}/events") as events:
        await step(events, "settle", "done")
        await step(events, "tag", "started")
        await api.post(f"/api/jobs/{job_id}/cancel")
        await step(events, "rollback", "started")
        await step(events, "rollback", "started")
        await asyncio.to_thread(deployed.project.stop, "worker")

    job = await deployed.ended(job_id)

    assert statuses(job) == {"web": "rolled_back", "worker": "failed"}, job
    assert "they no longer run" in outcomes(job)["worker"]["reason"]
    assert deployed.runs("worker") == set()
