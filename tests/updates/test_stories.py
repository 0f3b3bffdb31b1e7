"""Updates as operators see them: the approved image runs, or everything is as it was."""

from tests.updates.story import HEALTHY, UNHEALTHY, Deployed, Story, outcomes, protective_tags, statuses


async def test_a_good_image_replaces_the_old_one_and_compose_changes_nothing_afterwards(story: Story) -> None:
    story.push("web", "1")
    deployed = await story.deploy({"web": story.service("web")})
    new = story.push("web", "2")
    assert "candidate" in (await deployed.checked())["web"]

    job = await deployed.update("web")

    assert (job["status"], statuses(job)) == ("success", {"web": "updated"}), job
    assert deployed.runs("web") == {str(new.image_id)}
    assert not await deployed.changed_by_hand()
    deployed.assert_own_files_only()
    async with story.api() as api:
        service = (await api.services(deployed.project.name))["web"]
        published = await api.events_of(job["id"])
    assert "candidate" not in service
    (settled,) = (event.data for event in published if event.data.get("type") == "update_state_settled")
    assert (settled["serviceId"], settled["runtimeDigest"]) == (service["id"], service["image"]["digest"])
    assert (settled["candidatePresent"], settled["inferenceOk"]) == (False, True)


async def test_earlier_restarts_of_unchanged_containers_do_not_fail_the_update(story: Story) -> None:
    """The tag now names another index, but the index lists the image that already runs."""
    name, once = "web:1", "test -e /tmp/came || { touch /tmp/came; exit 1; }; sleep 999 & wait"
    image = story.images.build("web", version="1", command=("/bin/sh", "-c", once))
    story.pushed["web"] = story.registry.push_index([image], name)
    deployed = await story.deploy({"web": story.service("web", restart="always")})
    deployed.project.until("web", lambda _: restarts(deployed) == 1 and is_running(deployed))
    before = deployed.containers()
    story.registry.push_index([image], name, attestations=True)
    assert "candidate" in (await deployed.checked())["web"]

    job = await deployed.update("web")

    assert (job["status"], statuses(job)) == ("success", {"web": "unchanged"}), job
    assert (deployed.containers(), restarts(deployed)) == (before, 1)


def is_running(deployed: Deployed) -> bool:
    (container,) = deployed.inspect("web")
    return bool(container["State"]["Status"] == "running")


def restarts(deployed: Deployed) -> int:
    (container,) = deployed.inspect("web")
    return int(container["RestartCount"])


async def test_an_unhealthy_image_is_rolled_back(story: Story) -> None:
    old = story.push("web", "1", healthcheck=HEALTHY)
    deployed = await story.deploy({"web": story.service("web")})
    story.push("web", "2", healthcheck=UNHEALTHY)
    await deployed.checked()

    job = await deployed.update("web")

    assert (job["status"], statuses(job)) == ("rolled_back", {"web": "rolled_back"}), job
    outcome = outcomes(job)["web"]
    assert outcome["step"] == "verify"
    assert "is unhealthy" in outcome["reason"]
    assert deployed.runs("web") == {str(old.image_id)}
    assert not await deployed.changed_by_hand()
    deployed.assert_own_files_only()


async def test_when_the_third_of_five_fails_the_rest_is_not_attempted(story: Story) -> None:
    names = ["a", "b", "c", "d", "e"]
    old = {name: story.push(name, "1") for name in names}
    services = {
        name: story.service(name, **({"depends_on": [before]} if before else {}))
        for before, name in zip([None, *names], names, strict=False)
    }
    deployed = await story.deploy(services)
    new = {name: story.push(name, "2", healthcheck=UNHEALTHY if name == "c" else None) for name in names}
    await deployed.checked(5)

    job = await deployed.update(*names)

    assert job["status"] == "rolled_back", job
    assert statuses(job) == {
        "a": "updated",
        "b": "updated",
        "c": "rolled_back",
        "d": "not_attempted",
        "e": "not_attempted",
    }, outcomes(job)
    expected = {name: str((new if name in "ab" else old)[name].image_id) for name in names}
    assert {name: deployed.runs(name) for name in names} == {name: {one} for name, one in expected.items()}
    assert not await deployed.changed_by_hand()
    update = job["summary"]["stacks"][0]["update"]
    assert (update["changedServices"], update["failureStep"]) == (3, "verify")
    assert not protective_tags(story, job["id"])
