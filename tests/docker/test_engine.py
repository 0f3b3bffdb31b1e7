"""The Engine client against an engine in memory."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace

import pytest

from dockrev.docker.engine import NEWEST_API, Engine
from dockrev.docker.events import ContainerEvent
from dockrev.docker.snapshot import ContainerState
from dockrev.errors import DockerError
from dockrev.oci.platform import Platform
from tests.fakes.engine import FakeContainer, FakeEngine, FakeImage

DIGEST = f"sha256:{'a' * 64}"


def web(number: int = 1) -> FakeContainer:
    return FakeContainer(
        f"c{number}", "nginx:1.27", "sha256:i1", project="blog", service="web", number=number
    )


async def next_event(events: AsyncGenerator[ContainerEvent, None]) -> ContainerEvent:
    return await anext(events)


async def failing_event(client: Engine) -> DockerError:
    with pytest.raises(DockerError) as failed:
        await anext(client.events())
    return failed.value


async def test_it_describes_the_engine(fake: FakeEngine, client: Engine) -> None:
    description = await client.describe()

    assert description.version == "20.10.24"
    assert description.api_version == "1.41"
    assert description.name == "Docker Engine - Community"
    assert description.platform == Platform("linux", "amd64")
    assert fake.calls == ["GET /version"]


async def test_the_configured_platform_wins(fake: FakeEngine) -> None:
    config = replace(fake.config, platform=Platform("linux", "arm64"))

    async with Engine.open(config) as client:
        assert (await client.describe()).platform == Platform("linux", "arm64")


@pytest.mark.parametrize(
    ("machine", "platform"),
    [("armv7l", Platform("linux", "arm", "v7")), ("armv6l", Platform("linux", "arm", "v6"))],
)
async def test_the_client_asks_for_the_variant_of_a_32_bit_arm_machine(
    fake: FakeEngine, client: Engine, machine: str, platform: Platform
) -> None:
    fake.version["Arch"], fake.machine = "arm", machine

    assert (await client.describe()).platform == platform


async def test_observe_sends_two_requests(fake: FakeEngine, client: Engine) -> None:
    fake.images = [FakeImage("sha256:i1", ("nginx:1.27",), (f"nginx@{DIGEST}",), {"made": "here"})]
    fake.containers = [web(number) for number in range(1, 101)]
    await client.describe()
    fake.calls.clear()

    snapshot = await client.observe()

    assert fake.calls == ["GET /containers/json", "GET /images/json"]
    assert len(snapshot.containers) == 100
    image = snapshot.images[snapshot.containers[0].image_id]
    assert image.repo_digests == (("docker.io/library/nginx", DIGEST),)
    assert image.labels == {"made": "here"}


async def test_observe_includes_stopped_containers_and_leaves_out_those_without_a_project(
    fake: FakeEngine, client: Engine
) -> None:
    fake.containers = [
        replace(web(), state="exited", status="Exited (0) 2 days ago"),
        FakeContainer("alone", "nginx", "sha256:i1"),
    ]

    snapshot = await client.observe()

    assert [(container.id, container.state) for container in snapshot.containers] == [
        ("c1", ContainerState.EXITED)
    ]


@pytest.mark.parametrize(
    ("offered", "spoken"), [("1.24", "v1.24"), ("1.41", "v1.41"), ("1.51", "v1.51"), ("1.73", "v1.51")]
)
async def test_the_client_speaks_the_newest_version_that_both_sides_know(
    fake: FakeEngine, client: Engine, offered: str, spoken: str
) -> None:
    fake.version["ApiVersion"] = offered

    await client.observe()

    assert fake.paths == ["/version", f"/{spoken}/containers/json", f"/{spoken}/images/json"]


async def test_an_engine_that_reports_no_minimum_version_is_accepted(
    fake: FakeEngine, client: Engine
) -> None:
    fake.version = {"Version": "1.12.6", "ApiVersion": "1.24", "Os": "linux", "Arch": "amd64"}

    description = await client.describe()

    assert (description.api_version, description.name) == ("1.24", "Docker Engine")


@pytest.mark.parametrize(("newest", "oldest"), [("1.23", "1.12"), ("2.4", f"1.{NEWEST_API[1] + 1}")])
async def test_an_engine_too_old_or_too_new_is_refused(
    fake: FakeEngine, client: Engine, newest: str, oldest: str
) -> None:
    fake.version |= {"ApiVersion": newest, "MinAPIVersion": oldest}

    with pytest.raises(
        DockerError, match=f"speaks API {oldest} to {newest}.*Update whichever is older"
    ) as refusal:
        await client.observe()

    assert refusal.value.permanent


async def test_the_client_negotiates_again_when_another_release_answers(
    fake: FakeEngine, client: Engine
) -> None:
    await client.observe()
    await fake.stop()
    with pytest.raises(DockerError):
        await client.observe()
    fake.version["ApiVersion"] = "1.47"
    await fake.start()
    fake.paths.clear()

    await client.observe()

    assert fake.paths == ["/version", "/v1.47/containers/json", "/v1.47/images/json"]


async def test_events_arrive_as_they_happen(fake: FakeEngine, client: Engine) -> None:
    async with aclosing(client.events()) as events, asyncio.TaskGroup() as group:
        first = group.create_task(next_event(events))
        await fake.subscribed()
        fake.emit("exec_start: sh", web())
        fake.emit("start", FakeContainer("alone", "nginx", "sha256:i1"))
        fake.emit("health_status: unhealthy", web())

    event = first.result()
    assert (event.action, event.project) == ("health_status", "blog")


async def test_a_reader_that_stops_closes_its_event_stream(fake: FakeEngine, client: Engine) -> None:
    async with aclosing(client.events()) as events, asyncio.TaskGroup() as group:
        first = group.create_task(next_event(events))
        await fake.subscribed()
        fake.emit("start", web())
    assert first.result().action == "start"

    await fake.deserted()


async def test_requests_are_answered_while_the_event_stream_is_open(fake: FakeEngine, client: Engine) -> None:
    fake.containers = [web()]
    async with aclosing(client.events()) as events, asyncio.TaskGroup() as group:
        first = group.create_task(next_event(events))
        await fake.subscribed()
        assert len((await client.observe()).containers) == 1
        fake.emit("die", web())

    assert first.result().action == "die"


async def test_the_event_stream_raises_when_the_engine_stops(fake: FakeEngine, client: Engine) -> None:
    async with asyncio.TaskGroup() as group:
        failure = group.create_task(failing_event(client))
        await fake.subscribed()
        await fake.stop()

    assert "ended its stream of events" in failure.result().message


async def test_garbage_in_the_event_stream_is_an_engine_failure(fake: FakeEngine, client: Engine) -> None:
    async with asyncio.TaskGroup() as group:
        failure = group.create_task(failing_event(client))
        await fake.subscribed()
        fake.emit_bytes(b"<html>gateway</html>\n")

    assert "does not speak like a Docker engine" in failure.result().message
