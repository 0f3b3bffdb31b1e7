"""What is not in the project's own files cannot be made anew from them: such updates are refused."""

import asyncio
import json
import secrets
from pathlib import Path
from typing import Any

import pytest

from tests.updates.story import Deployed, Story, outcomes

HIDDEN = "s3cr3t-of-the-shell"


async def outdated(story: Story, env: dict[str, str], files: dict[str, str], **more: Any) -> Deployed:
    """A project that was started from a shell with these variables, with an update waiting."""
    story.push("web", "1")
    top = {name: more.pop(name) for name in ("secrets", "configs") if isinstance(more.get(name), dict)}
    used = {name: list(value) for name, value in top.items()}
    services = {"web": story.service("web", **used, **more)}
    project = story.projects.create("shell", services, env=env, files=files, **top)
    await asyncio.to_thread(project.up)
    story.push("web", "2")
    deployed = Deployed(story, project)
    await deployed.checked()
    return deployed


@pytest.mark.parametrize("written", ["${PASSWORD}", "${PASSWORD:-default}", None])
async def test_a_variable_of_the_shell_is_not_lost(story: Story, written: str | None) -> None:
    environment = {"PASSWORD": written}
    deployed = await outdated(story, {"PASSWORD": HIDDEN}, {}, environment=environment)
    before = deployed.containers()

    for mode in ("dry-run", "apply"):
        job = await deployed.update("web", mode=mode)
        assert (outcomes(job)["web"]["status"], outcomes(job)["web"]["step"]) == ("failed", "preflight"), job
        assert "(PASSWORD)" in outcomes(job)["web"]["reason"]
        assert HIDDEN not in json.dumps(job) + story.server.logs()
    assert deployed.containers() == before

    deployed.project.write(".env", f"PASSWORD={HIDDEN}\n")
    await deployed.checked()
    job = await deployed.update("web")
    assert job["status"] == "success", job
    [container] = deployed.inspect("web")
    assert f"PASSWORD={HIDDEN}" in container["Config"]["Env"]


async def test_a_variable_that_the_shell_had_not_either_stops_nothing(story: Story) -> None:
    deployed = await outdated(story, {}, {}, environment=["DEBUG", "LEVEL=1e3"], labels={"on": True})

    assert (await deployed.update("web"))["status"] == "success"


async def test_what_compose_v1_adds_for_an_anonymous_volume_stops_no_later_update(story_on_v1: Story) -> None:
    story = story_on_v1
    story.push("web", "1")
    deployed = await story.deploy({"web": story.service("web", volumes=["/data"])})
    for version in ("2", "3"):
        story.push("web", version)
        await deployed.checked()
        job = await deployed.update("web")
        assert job["status"] == "success", job


async def test_a_directory_that_a_shell_named_is_not_replaced_by_another(
    story: Story, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    deployed = await outdated(story, {"DATA": str(data)}, {}, volumes=["${DATA:-./data}:/data"])
    before = deployed.containers()

    job = await deployed.update("web")

    assert (job["status"], outcomes(job)["web"]["step"]) == ("failed", "preflight"), job
    assert f"({data} at /data)" in outcomes(job)["web"]["reason"]
    assert deployed.containers() == before


@pytest.mark.parametrize("kind", ["secrets", "configs"])
async def test_a_secret_that_comes_from_the_shell_stops_the_update(story: Story, kind: str) -> None:
    """Compose would find out when the old container is gone, and on the way back again."""
    given = {kind: {"token": {"environment": "TOKEN"}}}
    deployed = await outdated(story, {"TOKEN": HIDDEN}, {}, **given)
    before = deployed.containers()

    job = await deployed.update("web")

    assert (job["status"], outcomes(job)["web"]["step"]) == ("failed", "preflight"), job
    assert "nothing sets here (TOKEN)" in outcomes(job)["web"]["reason"]
    assert deployed.containers() == before

    deployed.project.write(".env", f"TOKEN={HIDDEN}\n")
    await deployed.checked()
    job = await deployed.update("web")
    assert job["status"] == "success", job
    assert HIDDEN not in json.dumps(job) + story.server.logs()


async def test_an_edited_env_file_of_a_service_stops_the_update(story: Story) -> None:
    deployed = await outdated(story, {}, {"app.env": "LEVEL=info\n"}, env_file=["app.env"])
    before = deployed.containers()
    body = await deployed.wish("web")
    deployed.project.write("app.env", "LEVEL=debug-all\n")
    async with story.api() as api:
        job = await api.finished((await api.post("/api/updates", body))["jobId"])

    assert (job["status"], outcomes(job)["web"]["step"]) == ("failed", "preflight"), job
    assert "compose file was changed" in outcomes(job)["web"]["reason"]
    assert deployed.containers() == before


async def test_who_names_a_container_as_its_network_is_not_cut_off(story: Story) -> None:
    name = f"vpn-{secrets.token_hex(3)}"
    for one in ("vpn", "rider"):
        story.push(one, "1")
    deployed = await story.deploy({"vpn": story.service("vpn", container_name=name)})
    other = await story.deploy({"rider": story.service("rider", network_mode=f"container:{name}")}, "other")
    story.push("vpn", "2")
    await deployed.checked()
    before = (deployed.containers(), other.containers())

    job = await deployed.update("vpn")

    assert (job["status"], outcomes(job)["vpn"]["step"]) == ("failed", "preflight"), job
    assert f"{other.project.name}-rider-1 lives in" in outcomes(job)["vpn"]["reason"]
    assert (deployed.containers(), other.containers()) == before

    await asyncio.to_thread(other.project.stop)
    assert (await deployed.update("vpn"))["status"] == "success"
