"""Images that do not work: the service rolls back, and so does its data if the settings say so."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.soak import soak
from tests.testbed.images import Healthcheck
from tests.updates.story import (
    CORRUPTING,
    CRASHING,
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
)

SICK_AFTER_A_WHILE = Healthcheck("false", interval_seconds=0.3, start_period_seconds=2)


@pytest.mark.parametrize(
    ("image", "service", "reason"),
    [
        ({"command": CRASHING}, {"restart": "always"}, "restart|exit code 3"),
        soak({"command": CRASHING}, {}, r"exited \(exit code 3\)"),
        soak(
            {"command": CRASHING, "healthcheck": HEALTHY},
            {"restart": "always"},
            "restart|exit code 3|unhealthy",
        ),
        ({"healthcheck": SICK_AFTER_A_WHILE}, {}, "is unhealthy"),
        ({"command": ("/nowhere",)}, {}, "/nowhere"),
    ],
    ids=[
        "crash loop",
        "crash",
        "crash loop with a healthcheck",
        "unhealthy after its start period",
        "no program",
    ],
)
async def test_a_bad_image_is_rolled_back(
    story: Story, image: dict[str, Any], service: dict[str, Any], reason: str
) -> None:
    old = story.push("web", "1")
    deployed = await story.deploy({"web": story.service("web", **service)})
    story.push("web", "2", **image)
    await deployed.checked()

    job = await deployed.update("web")

    assert (job["status"], statuses(job)) == ("rolled_back", {"web": "rolled_back"}), job
    assert re.search(reason, outcomes(job)["web"]["reason"])
    assert deployed.runs("web") == {str(old.image_id)}
    assert not await deployed.changed_by_hand()
    deployed.assert_own_files_only()
    assert not protective_tags(story, job["id"])


async def test_an_image_that_needs_a_second_start_is_not_bad(story: Story) -> None:
    story.push("web", "1")
    deployed = await story.deploy({"web": story.service("web", restart="always")})
    once = "test -e /tmp/came || { touch /tmp/came; exit 1; }; sleep 999 & wait"
    new = story.push("web", "2", command=("/bin/sh", "-c", once))
    await deployed.checked()

    job = await deployed.update("web")

    assert (job["status"], deployed.runs("web")) == ("success", {str(new.image_id)}), job
    [container] = deployed.inspect("web")
    assert container["RestartCount"] == 1


async def test_without_automatic_rollback_the_service_stays_and_the_reason_says_how_to_roll_back(
    story: Story,
) -> None:
    old = story.push("web", "1")
    deployed = await story.deploy({"web": story.service("web")})
    new = story.push("web", "2", healthcheck=UNHEALTHY)
    service = (await deployed.checked())["web"]
    await set_auto_rollback(story, service["id"], on=False)

    job = await deployed.update("web")

    assert (job["status"], statuses(job)) == ("failed", {"web": "failed"}), job
    reason = outcomes(job)["web"]["reason"]
    assert "is unhealthy" in reason
    assert f"is running with image {new.image_id[7:19]}" in reason
    assert deployed.runs("web") == {str(new.image_id)}
    ids = {"oldImageId": str(old.image_id), "newImageId": str(new.image_id)}
    assert {key: outcomes(job)["web"][key] for key in ids} == ids
    assert not protective_tags(story, job["id"])
    kept = f"dockrev/rollback:{service['id']}"
    assert f"docker tag {kept} {story.pushed['web'].name}" in reason
    assert kept in story.engine.api.get(f"/images/{old.image_id}/json")["RepoTags"]
    await assert_rollback_by_hand_works(deployed, kept, str(old.image_id))


async def test_a_later_rollback_does_not_remove_the_kept_image(story: Story) -> None:
    """The second update rolls back to the image of the first, failed update. The good image is still kept."""
    story.push("web", "1")
    deployed = await story.deploy({"web": story.service("web")})
    story.push("web", "2", healthcheck=UNHEALTHY)
    service = (await deployed.checked())["web"]
    await set_auto_rollback(story, service["id"], on=False)
    await deployed.update("web")
    kept = f"dockrev/rollback:{service['id']}"
    assert protective_tags(story, service["id"]) == [kept]
    await set_auto_rollback(story, service["id"], on=True)
    story.push("web", "3", command=CRASHING)
    await deployed.checked()

    assert statuses(await deployed.update("web")) == {"web": "rolled_back"}

    assert protective_tags(story, service["id"]) == [kept]


async def test_after_two_failed_updates_the_last_working_image_is_still_kept(story: Story) -> None:
    good = story.push("web", "1")
    deployed = await story.deploy({"web": story.service("web")})
    bad = story.push("web", "2", healthcheck=UNHEALTHY)
    service = (await deployed.checked())["web"]
    await set_auto_rollback(story, service["id"], on=False)
    assert statuses(await deployed.update("web")) == {"web": "failed"}
    story.push("web", "3", healthcheck=UNHEALTHY)
    await deployed.checked()

    job = await deployed.update("web")

    assert (job["status"], outcomes(job)["web"]["oldImageId"]) == ("failed", bad.image_id), job
    reason, kept = outcomes(job)["web"]["reason"], f"dockrev/rollback:{service['id']}"
    assert f"did not work either. The last working image, {good.image_id[7:19]}, is kept" in reason
    assert f"docker tag {kept} {story.pushed['web'].name}" in reason
    assert protective_tags(story, service["id"]) == [kept]
    await assert_rollback_by_hand_works(deployed, kept, str(good.image_id))


async def test_an_image_that_becomes_healthy_after_its_failed_update_is_kept_next(
    story: Story, tmp_path: Path
) -> None:
    story.push("web", "1")
    deployed = await story.deploy({"web": story.service("web", volumes=[f"{tmp_path}:/data"])})
    needy = Healthcheck("test -e /data/what-it-needs", interval_seconds=0.3, retries=2)
    second = story.push("web", "2", healthcheck=needy)
    service = (await deployed.checked())["web"]
    await set_auto_rollback(story, service["id"], on=False)
    assert statuses(await deployed.update("web")) == {"web": "failed"}
    (tmp_path / "what-it-needs").touch()
    await asyncio.to_thread(deployed.project.until, "web", lambda one: "(healthy)" in one.status)
    story.push("web", "3", healthcheck=UNHEALTHY)
    await deployed.checked()

    job = await deployed.update("web")

    kept = f"dockrev/rollback:{service['id']}"
    assert f". The old image is kept as {kept}" in outcomes(job)["web"]["reason"], job
    assert kept in story.engine.api.get(f"/images/{second.image_id}/json")["RepoTags"]


async def assert_rollback_by_hand_works(deployed: Deployed, kept: str, image_id: str) -> None:
    """The commands in the reason restore the old image. The next good update releases the kept image."""
    story = deployed.story
    repository, _, tag = story.pushed["web"].name.rpartition(":")
    moved = {"repo": repository, "tag": tag}
    await asyncio.to_thread(story.engine.api.call, "POST", f"/images/{kept}/tag", moved)
    await asyncio.to_thread(deployed.project.up)
    assert deployed.runs("web") == {image_id}
    story.push("web", "3")
    await deployed.checked()

    assert statuses(await deployed.update("web")) == {"web": "updated"}
    assert kept not in protective_tags(story)


async def test_a_service_that_was_unhealthy_before_may_be_unhealthy_after_a_rollback(story: Story) -> None:
    old = story.push("web", "1", healthcheck=UNHEALTHY)
    deployed = await story.deploy({"web": story.service("web")})
    deployed.project.until("web", lambda one: "unhealthy" in one.status)
    story.push("web", "2", command=CRASHING)
    await deployed.checked()

    job = await deployed.update("web")

    assert (job["status"], deployed.runs("web")) == ("rolled_back", {str(old.image_id)}), job


@pytest.fixture
async def restoring(story: Story, request: pytest.FixtureRequest) -> AsyncIterator[Story]:
    settle_for(story.server, restoreDataOnRollback=request.param)
    yield story
    settle_for(story.server)


@pytest.mark.parametrize("restoring", [True, False], indirect=True)
async def test_corrupted_data_is_restored_when_the_settings_say_so(
    restoring: Story, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    restores: bool = request.node.callspec.params["restoring"]
    old = restoring.push("web", "1")
    bind = tmp_path / "data"
    bind.mkdir()
    (bind / "table").write_text("rows\n")
    (bind / "index").write_bytes(bytes(range(256)))
    before = hashes(bind)
    deployed = await restoring.deploy({"web": restoring.service("web", volumes=[f"{bind}:/data"])})
    restoring.push("web", "2", command=CORRUPTING, healthcheck=SICK_AFTER_A_WHILE)
    await deployed.checked()

    job = await deployed.update("web")

    assert (job["status"], deployed.runs("web")) == ("rolled_back", {str(old.image_id)}), job
    assert job["summary"]["stacks"][0]["backup"]["status"] == "success"
    assert (hashes(bind) == before) is restores
    await assert_settled(deployed)


async def assert_settled(deployed: Deployed) -> None:
    assert not await deployed.changed_by_hand()
    deployed.assert_own_files_only()
