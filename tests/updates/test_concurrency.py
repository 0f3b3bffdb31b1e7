"""Several services of one job, and several jobs of one stack."""

import random
from itertools import pairwise

from tests.e2e.api import Document
from tests.updates.slow_front import SlowFront
from tests.updates.story import Story, outcomes, statuses, step

BIG = random.Random(11).randbytes(1_500_000)


async def progress_of(story: Story, job_id: str) -> list[Document]:
    async with story.api() as api:
        published = await api.events_of(job_id)
    return [event.data for event in published if event.data.get("type") == "job_progress"]


async def test_progress_of_three_services_never_decreases(story: Story) -> None:
    names = ["a", "b", "c"]
    for name in names:
        story.push(name, "1")
    deployed = await story.deploy({name: story.service(name) for name in names})
    for name in names:
        story.push(name, "2")
    await deployed.checked(3)

    progress = await progress_of(story, await deployed.start(*names))

    percents = [one["percent"] for one in progress]
    assert all(before <= after for before, after in pairwise(percents)), percents
    assert {one["phase"] for one in progress} <= {"prepare", "backup", "apply", "done"}
    assert (percents[-1], progress[-1]["phase"]) == (100, "done")


async def test_two_jobs_of_the_same_stack_run_one_after_the_other(story: Story, front: SlowFront) -> None:
    for name in ("a", "b"):
        story.push(name, "1")
    deployed = await story.deploy({name: story.service(name) for name in ("a", "b")})
    new = {name: story.push(name, "2", files={"big": BIG}) for name in ("a", "b")}
    await deployed.checked(2)
    front.pause_seconds = 0.05
    first = await deployed.start("a")
    async with story.api() as api, api.stream(f"/api/jobs/{first}/events") as events:
        await step(events, "pull", "started")
    second = await deployed.start("b")
    async with story.api() as api, api.stream(f"/api/jobs/{second}/events") as events:
        waits = [event async for event in events if "waits for another update" in str(event.data.get("msg"))]
    front.pause_seconds = 0

    jobs = [await deployed.ended(job_id) for job_id in (first, second)]

    assert len(waits) == 1
    assert [statuses(job) for job in jobs] == [{"a": "updated"}, {"b": "updated"}]
    assert jobs[0]["finishedAt"] <= jobs[1]["finishedAt"]
    assert {name: deployed.runs(name) for name in new} == {
        name: {str(image.image_id)} for name, image in new.items()
    }
    assert not await deployed.changed_by_hand()


async def test_a_waiting_update_that_is_cancelled_ends_without_getting_its_turn(
    story: Story, front: SlowFront
) -> None:
    for name in ("a", "b"):
        story.push(name, "1")
    deployed = await story.deploy({name: story.service(name) for name in ("a", "b")})
    for name in ("a", "b"):
        story.push(name, "2", files={"big": BIG})
    await deployed.checked(2)
    before = deployed.containers("b")
    front.pause_seconds = 0.05
    first = await deployed.start("a")
    second = await deployed.start("b")

    async with story.api() as api:
        await api.post(f"/api/jobs/{second}/cancel")
        job = await deployed.ended(second)
        assert (await api.job(first))["status"] == "running"
    front.pause_seconds = 0

    assert (job["status"], job["summary"]["terminated"]["reason"]) == ("failed", "cancelled"), job
    assert outcomes(job)["b"]["reason"] == "the job was cancelled"
    assert deployed.containers("b") == before
    assert statuses(await deployed.ended(first)) == {"a": "updated"}
