"""Commands to containers of an engine in memory, with refusals that are rare with real engines."""

import pytest
from aiohttp import web

from dockrev.docker.containers import Containers
from dockrev.docker.engine import Engine
from dockrev.errors import DockerConflict
from tests.fakes.engine import FakeEngine

CONTAINER = "/containers/c1"


def refuse(fake: FakeEngine, message: str) -> None:
    async def removal(_: web.Request) -> web.Response:
        return web.json_response({"message": message}, status=409)

    fake.handlers[f"DELETE {CONTAINER}"] = removal


@pytest.mark.parametrize("status", [200, 404], ids=["removed while we wait", "removed before we ask"])
async def test_remove_waits_for_a_removal_that_is_already_in_progress(
    fake: FakeEngine, client: Engine, status: int
) -> None:
    waited: list[str] = []

    async def wait(request: web.Request) -> web.Response:
        waited.append(request.query["condition"])
        body = {"StatusCode": 0} if status == 200 else {"message": "No such container: c1"}
        return web.json_response(body, status=status)

    refuse(fake, "removal of container c1 is already in progress")
    fake.handlers[f"POST {CONTAINER}/wait"] = wait

    await Containers(client).remove("c1", force=True)

    assert waited == ["removed"]


async def test_remove_raises_any_other_conflict(fake: FakeEngine, client: Engine) -> None:
    refuse(fake, "You cannot remove a running container c1")

    with pytest.raises(DockerConflict, match="running container"):
        await Containers(client).remove("c1")
