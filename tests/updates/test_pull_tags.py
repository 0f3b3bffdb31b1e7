"""The further tags that an update pulls afterwards, and the warnings about those that cannot be pulled."""

from typing import Any

import pytest

from tests.e2e.api import Document, Refused, until
from tests.updates.slow_front import SlowFront
from tests.updates.story import Deployed, Story, outcomes


@pytest.fixture
async def deployed(story: Story, front: SlowFront) -> Deployed:
    """Deploys a service with an update. The registry has it as `extra` too; `other` is another image."""
    story.push("web", "1")
    deployed = await story.deploy({"web": story.service("web")})
    new = story.push("web", "2")
    story.registry.push(new, "web:extra")
    story.registry.push(story.images.build("other", version="3"), "web:other")
    await deployed.checked()
    await wait_for_the_version_lookup(deployed)
    return deployed


async def wait_for_the_version_lookup(deployed: Deployed) -> None:
    """A check starts a version lookup, which requests the same tags."""
    name = deployed.project.name

    def named(services: dict[str, Document]) -> bool:
        return bool(services["web"]["versionInference"]["status"] == "ready")

    def idle(overview: Document) -> bool:
        return repository(deployed) not in {task["imageRepo"] for task in overview["tasks"]}

    async with deployed.story.api() as api:
        await until(lambda: api.services(name), named)
        await until(lambda: api.get("/api/version-inference/overview"), idle)


def of_update(job: Document) -> Document:
    update: Document = job["summary"]["stacks"][0]["update"]
    return update


def repository(deployed: Deployed) -> str:
    return deployed.story.pushed["web"].name.rpartition(":")[0]


def image_named(deployed: Deployed, tag: str) -> str:
    image: str = deployed.story.engine.api.get(f"/images/{repository(deployed)}:{tag}/json")["Id"]
    return image


def retry(attempts: int) -> dict[str, Any]:
    return {"attempts": attempts, "maxAttempts": 3, "baseMs": 300, "maxMs": 3000}


async def test_a_further_tag_of_the_pulled_image_needs_no_second_download(
    deployed: Deployed, front: SlowFront
) -> None:
    job = await deployed.update("web", pullTags=["extra", "1"])

    assert job["status"] == "success", job
    assert of_update(job)["pullTagsPulled"] == [f"{repository(deployed)}:extra"]
    assert of_update(job)["pullTagWarnings"] == []
    assert {image_named(deployed, "extra")} == deployed.runs("web")
    looks = [index for index, one in enumerate(front.asked) if one.path.endswith("/manifests/extra")]
    # A version lookup in the background may request the same tag.
    assert {front.asked[index].method for index in looks} == {"HEAD"}
    assert not [one for one in front.asked[looks[0] :] if one.by_engine]


async def test_a_further_tag_of_another_image_is_pulled(deployed: Deployed) -> None:
    job = await deployed.update("web", pullTags=["other"])

    assert of_update(job)["pullTagsPulled"] == [f"{repository(deployed)}:other"]
    assert {image_named(deployed, "other")} != deployed.runs("web")


async def test_a_further_tag_that_does_not_exist_is_requested_once_and_reported(deployed: Deployed) -> None:
    job = await deployed.update("web", pullTags=["missing", "extra"])

    assert job["status"] == "success", job
    assert of_update(job)["pullTagsPulled"] == [f"{repository(deployed)}:extra"]
    [warning] = of_update(job)["pullTagWarnings"]
    assert "found nothing" in warning.pop("lastError")
    assert warning == {
        "serviceId": outcomes(job)["web"]["serviceId"],
        "tagRef": f"{repository(deployed)}:missing",
        "step": "pull_tag",
        "retry": retry(1),
    }


async def test_a_pull_is_retried_when_the_registry_fails_for_a_moment(
    deployed: Deployed, front: SlowFront
) -> None:
    front.failures["extra"] = 4  # the registry client makes two requests for each attempt

    job = await deployed.update("web", pullTags=["extra"])

    assert of_update(job)["pullTagsPulled"] == [f"{repository(deployed)}:extra"]
    attempts = [line["msg"] for line in job["logs"] if "of 3 failed" in line["msg"]]
    assert [line[:16] for line in attempts] == ["attempt 1 of 3 f", "attempt 2 of 3 f"], attempts


async def test_a_pull_is_given_up_when_the_registry_keeps_failing(
    deployed: Deployed, front: SlowFront
) -> None:
    front.failures["extra"] = 1000

    job = await deployed.update("web", pullTags=["extra"])

    assert job["status"] == "success", job
    [warning] = of_update(job)["pullTagWarnings"]
    assert (warning["retry"], of_update(job)["pullTagsPulled"]) == (retry(3), [])
    assert "failed with HTTP 500" in warning["lastError"]


async def test_a_cancelled_job_pulls_no_further_tags(deployed: Deployed, front: SlowFront) -> None:
    front.unanswered.add("extra")
    job_id = await deployed.start("web", pullTags=["extra", "other"])
    await front.waited_for.wait()

    async with deployed.story.api() as api:
        await api.post(f"/api/jobs/{job_id}/cancel")
    job = await deployed.ended(job_id)

    assert job["status"] == "success", job
    warnings = of_update(job)["pullTagWarnings"]
    assert [one["retry"]["attempts"] for one in warnings] == [1, 0]
    assert {one["lastError"] for one in warnings} == {"the job was cancelled"}
    assert not [one for one in front.asked if one.path.endswith("/manifests/other")]


@pytest.mark.parametrize("tag", [" ", "no/tag"])
async def test_an_invalid_tag_is_refused_at_once(deployed: Deployed, tag: str) -> None:
    before = deployed.containers()

    with pytest.raises(Refused) as refusal:
        await deployed.start("web", pullTags=["extra", tag])

    assert (refusal.value.status, refusal.value.error["details"]) == (400, {"field": "pullTags[1]"})
    assert deployed.containers() == before
