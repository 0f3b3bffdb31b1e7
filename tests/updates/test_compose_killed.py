"""Something kills Compose at work, such as the out-of-memory killer. Dockrev survives and rolls back."""

import os
import signal
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.soak import soak
from tests.testbed.bed import Bed
from tests.testbed.requirements import COMPOSE_V2
from tests.updates.story import (
    UNHEALTHY,
    Deployed,
    Story,
    outcomes,
    protective_tags,
    reservations,
    statuses,
    with_compose,
)
from tests.updates.test_disturbances import when
from tests.updates.test_kill import BEING_REPLACED, STUBBORN, replacing

_AS_A_PLUG_IN = f"""#!/bin/sh
{COMPOSE_V2} "$@" || exit $?
"""
"""Runs Compose as a child process, as `docker compose` does."""
PLUG_IN_KILLED = "failed with exit code 137"
PARENT_KILLED = "was killed in the middle of it (signal 9)"


@pytest.fixture
async def own_story(story: Story, bed: Bed, tmp_path: Path) -> AsyncIterator[Story]:
    """A story whose Compose runs as the child of another program."""
    async with with_compose(story, bed, tmp_path, _AS_A_PLUG_IN):
        yield story


def kill(deployed: Deployed, program: str) -> None:
    """Kills the process that runs `up` for this project."""
    project = f"--project-name={deployed.project.name}"
    processes = []
    for path in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended
            words = (path / "cmdline").read_text().split("\0")
            if project in words and "up" in words and (path / "exe").readlink().name == program:
                processes.append(int(path.name))
    [process] = processes
    os.kill(process, signal.SIGKILL)


def shell() -> str:
    return Path("/bin/sh").resolve().name


async def assert_as_before(deployed: Deployed, job_id: str, names: set[str]) -> None:
    assert set(deployed.containers()) == names
    assert not [name for name in deployed.containers() if BEING_REPLACED.match(name)]
    assert not await deployed.changed_by_hand()
    deployed.assert_own_files_only()
    assert not protective_tags(deployed.story, job_id)
    assert not reservations(deployed.story.server)


@pytest.mark.parametrize(
    ("program", "message", "replicas"),
    [
        (COMPOSE_V2.name, PLUG_IN_KILLED, 3),
        (shell(), PARENT_KILLED, 1),
        soak(COMPOSE_V2.name, PLUG_IN_KILLED, 1),
        soak(shell(), PARENT_KILLED, 3),
    ],
    ids=["plug-in, 3", "its parent, 1", "plug-in, 1", "its parent, 3"],
)
async def test_compose_is_killed_while_it_replaces_containers(
    own_story: Story, program: str, message: str, replicas: int
) -> None:
    story = own_story
    old = story.push("web", "1", command=STUBBORN)
    scaled = {"stop_grace_period": "3s", "deploy": {"replicas": replicas}}
    deployed = await story.deploy({"web": {**story.service("web"), **scaled}})
    names = set(deployed.containers())
    story.push("web", "2")
    await deployed.checked()
    job_id = await deployed.start("web")
    await replacing(deployed)
    kill(deployed, program)

    job = await deployed.ended(job_id)

    assert (job["status"], statuses(job)) == ("rolled_back", {"web": "rolled_back"}), job
    assert outcomes(job)["web"]["step"] == "apply"
    assert message in outcomes(job)["web"]["reason"]
    assert deployed.runs("web") == {str(old.image_id)}
    await assert_as_before(deployed, job_id, names)


@pytest.mark.parametrize("program", [soak(COMPOSE_V2.name), shell()], ids=["plug-in", "its parent"])
async def test_compose_is_killed_during_the_rollback(own_story: Story, program: str) -> None:
    story = own_story
    old = story.push("web", "1")
    deployed = await story.deploy({"web": {**story.service("web"), "stop_grace_period": "3s"}})
    names = set(deployed.containers())
    story.push("web", "2", command=STUBBORN, healthcheck=UNHEALTHY)
    await deployed.checked()
    job_id = await deployed.start("web")
    await when(deployed, job_id, "rollback")
    await replacing(deployed)
    kill(deployed, program)

    job = await deployed.ended(job_id)

    assert (job["status"], deployed.runs("web")) == ("rolled_back", {str(old.image_id)}), job
    await assert_as_before(deployed, job_id, names)
