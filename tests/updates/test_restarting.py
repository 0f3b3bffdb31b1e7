"""A service with `restart: true` in `depends_on` is restarted when its dependency was recreated."""

from typing import Any

import pytest

from tests.soak import soak
from tests.testbed.images import Healthcheck
from tests.updates.story import HEALTHY, UNHEALTHY, Deployed, Story, statuses

RESTART = {"db": {"condition": "service_started", "restart": True}}
ONLY_AFTER = {"db": {"condition": "service_started"}}


async def outdated(story: Story, healthcheck: Healthcheck, **web: Any) -> Deployed:
    """`web` has `restart: true` for `db`, and `worker` does not. An update waits for `db`."""
    for name in ("db", "web", "worker"):
        story.push(name, "1")
    deployed = await story.deploy(
        {
            "db": story.service("db"),
            "web": story.service("web", depends_on=RESTART, **web),
            "worker": story.service("worker", depends_on=ONLY_AFTER),
        }
    )
    story.push("db", "2", healthcheck=healthcheck)
    await deployed.checked(3)
    return deployed


def starts(deployed: Deployed) -> dict[str, tuple[str, str]]:
    """The container id and the start time of each service."""
    [db], [web], [worker] = (deployed.inspect(name) for name in ("db", "web", "worker"))
    containers = {"db": db, "web": web, "worker": worker}
    return {name: (one["Id"], one["State"]["StartedAt"]) for name, one in containers.items()}


@pytest.mark.parametrize(("health", "ends"), [(HEALTHY, "updated"), (UNHEALTHY, "rolled_back")])
async def test_only_services_with_restart_true_are_restarted(
    story: Story, health: Healthcheck, ends: str
) -> None:
    deployed = await outdated(story, health)
    before = starts(deployed)

    job = await deployed.update("db")

    after = starts(deployed)
    assert statuses(job) == {"db": ends}, job
    assert after["db"][0] != before["db"][0]
    assert (after["web"][0], after["worker"]) == (before["web"][0], before["worker"])
    assert after["web"][1] > before["web"][1]
    assert any(
        line["msg"].endswith("/web depends on db with restart: true, so it was restarted")
        for line in job["logs"]
    )
    assert not await deployed.changed_by_hand()


async def test_a_stopped_service_with_restart_true_stays_stopped(story: Story) -> None:
    deployed = await outdated(story, HEALTHY)
    deployed.project.stop("web")
    before = starts(deployed)

    job = await deployed.update("db")

    after = starts(deployed)
    assert statuses(job) == {"db": "updated"}, job
    assert after["web"] == before["web"]
    assert deployed.runs("web") == set()


@pytest.mark.parametrize("mode", [soak("dry-run"), "apply"])
async def test_an_init_service_is_named_and_not_run_again(story: Story, mode: str) -> None:
    story.push("web", "1")
    once = story.service("web", command=["/bin/true"])
    first = {"migrate": {"condition": "service_completed_successfully"}}
    deployed = await story.deploy({"migrate": once, "web": story.service("web", depends_on=first)})
    story.push("web", "2")
    await deployed.checked()
    before = deployed.containers("migrate")

    job = await deployed.update("web", mode=mode)

    [warning] = [line for line in job["logs"] if "has to complete before web" in line["msg"]]
    assert (warning["level"], warning["msg"].endswith("docker compose up migrate")) == ("warn", True), warning
    assert deployed.containers("migrate") == before


async def test_a_dry_run_restarts_nothing(story: Story) -> None:
    deployed = await outdated(story, HEALTHY)
    before = starts(deployed)

    await deployed.update("db", mode="dry-run")

    assert starts(deployed) == before
