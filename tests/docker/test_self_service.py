"""Finds the container of this process among those of an engine."""

from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web

from dockrev.docker.containers import Containers
from dockrev.docker.engine import Engine
from dockrev.docker.process_identity import Traces
from dockrev.docker.self_service import OwnService, find_own_service, traces_of_this_process
from dockrev.errors import DockerError
from tests.discovery.containers import container
from tests.docker.test_process_identity import DOCKER_MOUNTS, HOST_MOUNTS, ID, LAYER, OTHER
from tests.fakes.engine import FakeEngine
from tests.hosts.building import host_of

IMAGE = "ghcr.io/acme/dockrev"
IN_DOCKER = Traces("0::/\n", DOCKER_MOUNTS)


@dataclass
class Tools:
    """A project `tools` with running containers."""

    fake: FakeEngine
    listed: list[dict[str, Any]] = field(default_factory=list)

    def add(self, container_id: str, service: str, *, layer: str | None = None, network: str = "x") -> None:
        labels = {"com.docker.compose.project": "tools", "com.docker.compose.service": service}
        document = {
            "Id": container_id,
            "Name": f"/tools-{service}-1",
            "Image": "sha256:1",
            "Config": {"Image": "my/own:1", "Labels": labels},
            "State": {"Status": "running"},
            "GraphDriver": {"Name": "overlay2", "Data": {"UpperDir": layer}} if layer else None,
        }

        async def inspected(_: web.Request) -> web.Response:
            return web.json_response(document)

        async def everything(_: web.Request) -> web.Response:
            return web.json_response(self.listed)

        self.listed.append({"Id": container_id, "HostConfig": {"NetworkMode": network}})
        self.fake.handlers[f"GET /containers/{container_id}/json"] = inspected
        self.fake.handlers["GET /containers/json"] = everything


@pytest.fixture
def tools(fake: FakeEngine) -> Tools:
    return Tools(fake)


async def own_service(client: Engine, traces: Traces) -> OwnService:
    return await find_own_service(client, Containers(client), IMAGE, traces)


@pytest.mark.parametrize(
    "traces",
    [IN_DOCKER, Traces(f"0::/docker/{ID}\n", ""), Traces(f"0::/docker/{OTHER}/docker/{ID}\n", HOST_MOUNTS)],
    ids=["mounts", "cgroup", "an engine in a container"],
)
async def test_the_labels_of_the_own_container_name_the_service(
    tools: Tools, client: Engine, traces: Traces
) -> None:
    tools.add(ID, "dockrev")
    tools.add(OTHER, "web")
    assert await own_service(client, traces) == OwnService(IMAGE, ID, "tools", "dockrev")


@pytest.mark.parametrize("traces", [IN_DOCKER, Traces(f"0::/docker/{ID}\n", "")], ids=["mounts", "cgroup"])
async def test_a_container_of_another_engine_is_not_found(
    tools: Tools, client: Engine, traces: Traces
) -> None:
    """The engine is remote, or it runs inside a container itself."""
    tools.add(OTHER, "web")
    assert await own_service(client, traces) == OwnService(IMAGE)


async def test_a_process_outside_of_containers_sends_no_request(
    fake: FakeEngine, tools: Tools, client: Engine
) -> None:
    tools.add(ID, "web")
    assert await own_service(client, Traces("0::/system.slice/dockrev.service\n", HOST_MOUNTS)) == OwnService(
        IMAGE
    )
    assert fake.calls == []


async def test_a_container_in_the_network_of_another_one_finds_itself(tools: Tools, client: Engine) -> None:
    """Host name and addresses are those of the other container."""
    tools.add(ID, "vpn", layer="/var/lib/docker/overlay2/vpn/diff")
    tools.add(OTHER, "dockrev", layer=LAYER, network=f"container:{ID}")
    assert await own_service(client, IN_DOCKER) == OwnService(IMAGE, OTHER, "tools", "dockrev")


async def test_a_container_that_shares_its_network_finds_itself(tools: Tools, client: Engine) -> None:
    tools.add(ID, "dockrev", layer=LAYER)
    tools.add(
        OTHER, "helper", layer="/var/lib/docker/overlay2/helper/diff", network="container:tools-dockrev-1"
    )
    assert await own_service(client, IN_DOCKER) == OwnService(IMAGE, ID, "tools", "dockrev")


async def test_two_candidates_in_one_network_give_no_result(tools: Tools, client: Engine) -> None:
    """The engine reports no layers."""
    tools.add(ID, "vpn")
    tools.add(OTHER, "dockrev", network=f"container:{ID}")
    assert await own_service(client, IN_DOCKER) == OwnService(IMAGE)


async def test_the_host_asks_the_engine_until_it_answers_once(
    fake: FakeEngine, tools: Tools, client: Engine
) -> None:
    tools.add(ID, "dockrev")
    host = host_of(client, traces=IN_DOCKER)
    fake.failure = (500, "it starts")
    with pytest.raises(DockerError):
        await host.own_service()
    fake.failure = None
    first = await host.own_service()
    calls = len(fake.calls)
    assert (await host.own_service(), len(fake.calls)) == (first, calls)


def test_the_traces_of_this_process_are_read() -> None:
    assert ":" in traces_of_this_process().cgroup
    assert " / / " in traces_of_this_process().mountinfo


@pytest.mark.parametrize(
    ("image_ref", "service", "expected"),
    [
        (IMAGE, "web", True),
        (f"{IMAGE}:1.2", "web", True),
        (f"{IMAGE}@sha256:{ID}", "web", True),
        (f"{IMAGE}-supervisor:1", "web", False),
        ("my/own:1", "dockrev", True),
        (None, "dockrev", True),
        (None, "web", False),
    ],
)
def test_a_service_is_the_own_service_by_image_or_by_container(
    image_ref: str | None, service: str, expected: bool
) -> None:
    own = OwnService(IMAGE, ID, "tools", "dockrev")
    assert own.is_service("tools", service, image_ref) is expected
    assert own.is_service("other", "dockrev", "my/own:1") is False


def test_a_container_without_compose_labels_is_recognised_by_its_id() -> None:
    own = OwnService(IMAGE, "blog-web-1")
    assert own.is_container(container("web"))
    assert not own.is_container(container("db"))
    assert not own.is_container(container(None))
