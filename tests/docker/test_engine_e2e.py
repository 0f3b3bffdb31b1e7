"""The Engine client against a real engine, with projects of both Compose versions."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest

from dockrev.config.shared import DockerConfig
from dockrev.docker.engine import Engine
from dockrev.docker.events import ContainerEvent
from dockrev.docker.snapshot import Container, ContainerState, Health, by_service
from dockrev.errors import DockerError
from dockrev.oci.platform import Platform
from dockrev.oci.ref import ImageRef
from tests.testbed.engine import Engine as RealEngine
from tests.testbed.images import Healthcheck, Images
from tests.testbed.projects import ComposeVersion, Project, Projects, Services
from tests.testbed.registry import Registry


async def containers_of(client: Engine, project: Project) -> tuple[Container, ...]:
    return (await client.observe()).projects().get(project.name, ())


async def events_until(
    events: AsyncGenerator[ContainerEvent, None], project: Project, last: str
) -> list[ContainerEvent]:
    """The events of the project, up to and including the action `last`."""
    seen = []
    async with asyncio.timeout(60):
        async for event in events:
            if event.project == project.name:
                seen.append(event)
                if event.action == last:
                    break
    return seen


async def test_it_describes_a_real_engine(engine: RealEngine) -> None:
    said = engine.api.get("/version", {})
    async with Engine.open(DockerConfig(host=engine.host)) as client:
        description = await client.describe()

    assert description.version == said["Version"]
    assert description.api_version == said["ApiVersion"]
    assert description.platform == Platform.of(said["Os"], said["Arch"])


@pytest.mark.parametrize("version", ComposeVersion)
async def test_observe_returns_the_containers_of_a_real_project(
    engine: RealEngine, projects: Projects, registry: Registry, images: Images, version: ComposeVersion
) -> None:
    pushed = registry.push(images.build("web", version="1.0"), "web:1.0")
    web_service = {"image": pushed.name, "labels": {"price": "5$$"}}
    services: Services = {"web": web_service, "idle": {"image": pushed.name}}
    blog = projects.create("blog", services, version=version)
    blog.up()
    blog.stop("idle")
    blog.compose("run", "--detach", "web")

    async with Engine.open(DockerConfig(host=engine.host)) as client:
        snapshot = await client.observe()

    containers = snapshot.projects()[blog.name]
    services_seen = by_service(containers)
    (web,), (idle,) = services_seen["web"], services_seen["idle"]
    assert len([item for item in containers if item.oneoff]) == 1
    assert (web.state, idle.state) == (ContainerState.RUNNING, ContainerState.EXITED)
    assert (web.number, web.image, web.labels["price"], web.health) == (1, pushed.name, "5$", None)
    image = snapshot.images[web.image_id]
    assert image.digests_of(ImageRef.parse(pushed.name).repository) == (pushed.digest,)
    assert image.labels["org.opencontainers.image.version"] == "1.0"


async def test_events_report_the_states_and_the_health_of_a_container(
    engine: RealEngine, projects: Projects, registry: Registry, images: Images
) -> None:
    pushed = registry.push(images.build("web", healthcheck=Healthcheck()), "web:1.0")
    warm, blog = (projects.create(name, {"web": {"image": pushed.name}}) for name in ("warm", "blog"))
    async with Engine.open(DockerConfig(host=engine.host)) as client, aclosing(client.events()) as events:
        async with asyncio.TaskGroup() as group:
            # The engine does not say when its stream starts. The event of a first project shows it.
            listening = group.create_task(events_until(events, warm, "create"))
            while not listening.done():
                await asyncio.to_thread(warm.up)
                await asyncio.to_thread(warm.down)
        async with asyncio.TaskGroup() as group:
            alive = group.create_task(events_until(events, blog, "health_status"))
            await asyncio.to_thread(blog.up)
        (healthy,) = await containers_of(client, blog)
        async with asyncio.TaskGroup() as group:
            dead = group.create_task(events_until(events, blog, "destroy"))
            await asyncio.to_thread(blog.down)

    assert [event.action for event in alive.result()] == ["create", "start", "health_status"]
    assert healthy.health is Health.HEALTHY
    assert [event.action for event in dead.result()][-1] == "destroy"
    assert "die" in [event.action for event in dead.result()]


async def test_the_event_stream_raises_when_the_engine_is_killed_and_works_after_its_return(
    private_engine: RealEngine,
) -> None:
    async with Engine.open(DockerConfig(host=private_engine.host)) as client:
        assert (await client.observe()).containers == ()
        async with asyncio.TaskGroup() as group:
            listening = group.create_task(_failure_of_events(client))
            await asyncio.to_thread(private_engine.kill)
        with pytest.raises(DockerError, match=r"is not running|no Docker socket"):
            await client.observe()
        await asyncio.to_thread(private_engine.start)

        assert (await client.observe()).containers == ()
    assert isinstance(listening.result(), DockerError)


async def _failure_of_events(client: Engine) -> DockerError:
    with pytest.raises(DockerError) as failed:
        await anext(client.events())
    return failed.value
