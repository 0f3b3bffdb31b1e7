"""An engine that is unreachable or restarts: the server reports it, keeps its results and recovers."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.api import Api, Document, until
from tests.e2e.server_process import ServerProcess, ready_server
from tests.fakes.host import FakeHost
from tests.fakes.registry import FakeRegistry
from tests.testbed.bed import Bed
from tests.testbed.engine import Engine
from tests.testbed.images import Images
from tests.testbed.projects import Projects
from tests.testbed.registry import Registry


@pytest.fixture
def private_server(private_engine: Engine, tmp_path: Path) -> Iterator[ServerProcess]:
    with ready_server(tmp_path, private_engine.host) as server:
        yield server


async def unready_parts(api: Api) -> dict[str, str]:
    async with api.session.get("/api/ready") as answer:
        document = await answer.json()
        assert (answer.status == 200) is document["ready"]
    return {part["part"]: part["detail"] for part in document["parts"] if not part["ok"]}


async def test_the_server_starts_without_an_engine_and_finds_it_later(
    server: ServerProcess, host: FakeHost, fake_registry: FakeRegistry
) -> None:
    fake_registry.push("app", "1")
    host.deploy("blog", {"web": f"{fake_registry.host}/app:1"})
    await host.engine.stop()
    server.start()
    await server.serving()
    async with server.api() as api:
        unready = await until(lambda: unready_parts(api), lambda parts: len(parts) == 2)
        assert unready.keys() == {"engine", "discovery"}
        assert f"There is no Docker socket at {host.engine.socket}" in unready["engine"]
        assert await api.get("/api/stacks") == {"stacks": []}
        job = await api.finished((await api.post("/api/discovery/scan"))["jobId"])
        assert job["status"] == "failed"
        assert "There is no Docker socket" in job["summary"]["error"]

        await host.engine.start()
        await api.discovered("blog")
        await server.ready()
    assert "Traceback" not in server.logs()


async def test_results_stay_while_the_engine_is_unreachable(
    server: ServerProcess, host: FakeHost, fake_registry: FakeRegistry
) -> None:
    fake_registry.push("app", "1")
    host.deploy("blog", {"web": f"{fake_registry.host}/app:1"})
    await server.started()
    async with server.api() as api:
        await api.discovered("blog")
        await api.check()
        before = await api.stack("blog")
        assert before["status"] == "healthy"

        await host.engine.stop()
        away = await until(lambda: api.stack("blog"), lambda stack: stack["status"] == "unknown")
        assert away["services"][0]["candidate"] == before["services"][0]["candidate"]
        assert away["services"][0]["image"] == before["services"][0]["image"]
        assert "engine" in await unready_parts(api)
        assert (await api.project("blog"))["status"] == "active"

        fake_registry.push("app", "1", revision="2")
        job = await api.check()
        assert (job["status"], job["summary"]["servicesWithCandidate"]) == ("success", 1)
        assert any(line["level"] == "warn" for line in job["logs"])
        newer = (await api.services("blog"))["web"]["candidate"]
        assert newer["digest"] == fake_registry.content("app").tags["1"]

        await host.engine.start()
        back = await until(lambda: api.stack("blog"), lambda stack: stack["status"] == "healthy")
        assert back["services"][0]["candidate"] == newer
        await server.ready()
    assert "Traceback" not in server.logs()


async def test_requests_are_answered_while_the_engine_hangs(server: ServerProcess, host: FakeHost) -> None:
    await server.started()
    host.engine.hanging = True
    async with server.api() as api:
        started = time.monotonic()
        assert "no answer within" in (await unready_parts(api))["engine"]
        assert await api.get("/api/stacks") == {"stacks": []}
        assert time.monotonic() - started < 8
        host.engine.hanging = False
        await server.ready()


async def test_a_server_on_a_hanging_engine_stops_quickly(server: ServerProcess, host: FakeHost) -> None:
    host.engine.hanging = True
    server.start()
    await server.serving()
    stopping_since = time.monotonic()
    assert await server.stop() == 0
    assert time.monotonic() - stopping_since < 8


async def test_the_server_recovers_after_a_crash_of_the_engine(
    bed: Bed,
    private_engine: Engine,
    private_server: ServerProcess,
    tmp_path: Path,
    registry: Registry,
    images: Images,
) -> None:
    name = registry.push(images.build("web", version="1"), "web:1").name
    projects = Projects(private_engine, tmp_path / "projects", bed.docker_config)
    project = projects.create("phoenix", {"web": {"image": name, "stop_grace_period": "1s"}})
    await asyncio.to_thread(project.up)
    registry.push(images.build("web", version="2"), "web:1")
    async with private_server.api() as api:
        await api.discovered(project.name)
        await api.check()
        before = await api.stack(project.name)

        await asyncio.to_thread(private_engine.kill)
        away = await until(lambda: api.stack(project.name), lambda stack: stack["status"] == "unknown")
        assert away["services"][0]["candidate"] == before["services"][0]["candidate"]

        await asyncio.to_thread(private_engine.start)
        await until(lambda: api.stack(project.name), _stopped)
        await private_server.ready()
        await asyncio.to_thread(project.up)
        back = await until(lambda: api.stack(project.name), lambda stack: stack["status"] == "healthy")
        assert back["services"][0]["candidate"] == before["services"][0]["candidate"]
    assert "Traceback" not in private_server.logs()


def _stopped(stack: Document) -> bool:
    containers = stack["services"][0]["containers"]
    return stack["status"] == "degraded" and (containers["total"], containers["running"]) == (1, 0)
