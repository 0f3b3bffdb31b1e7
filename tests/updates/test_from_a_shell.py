"""A service with settings that only came from a shell is not updated until the project's files have them.

`tests/replacement/test_preflight.py` has the other cases.
"""

import asyncio
import json

from tests.updates.story import Deployed, Story, outcomes

HIDDEN = "s3cr3t-of-the-shell"


async def test_a_variable_of_the_shell_is_not_lost(story: Story) -> None:
    story.push("web", "1")
    services = {"web": story.service("web", environment={"PASSWORD": "${PASSWORD}"})}
    project = story.projects.create("shell", services, env={"PASSWORD": HIDDEN})
    await asyncio.to_thread(project.up)
    story.push("web", "2")
    deployed = Deployed(story, project)
    await deployed.checked()
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
