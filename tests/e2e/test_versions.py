"""The versions of a floating tag, the running one and the candidate's, on a real engine."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.e2e.api import Api, Document, Refused, until
from tests.e2e.server_process import ServerProcess
from tests.fakes.host import FakeHost
from tests.fakes.registry import FakeRegistry
from tests.testbed.bed import Bed
from tests.testbed.images import Images
from tests.testbed.projects import Project, Projects
from tests.testbed.registry import Registry


@pytest.fixture
async def real_server(bed: Bed, tmp_path: Path) -> AsyncIterator[ServerProcess]:
    """A server for the real engine. It is not started yet."""
    server = ServerProcess(tmp_path, bed.engine.host, DOCKREV_DOCKER_CONFIG=str(bed.docker_config.file))
    yield server
    server.close()


def release(registry: Registry, images: Images, version: str) -> str:
    """Pushes an image with its version and `latest` as tags. Returns its name with `latest`."""
    image = images.build("web", version=version)
    registry.push(image, f"web:{version}")
    return registry.push(image, "web:latest").name


@pytest.fixture
async def outdated(projects: Projects, registry: Registry, images: Images) -> Project:
    """The project runs `latest`, which was 1.4.0 at its start and is 1.5.1 now."""
    image = await asyncio.to_thread(release, registry, images, "1.4.0")
    project = projects.create("versions", {"web": {"image": image, "stop_grace_period": "1s"}})
    await asyncio.to_thread(project.up)
    await asyncio.to_thread(release, registry, images, "1.5.1")
    return project


@asynccontextmanager
async def running(server: ServerProcess) -> AsyncIterator[Api]:
    await server.started()
    async with server.api() as api:
        yield api


def versions_known(service: Document) -> bool:
    return service["versionInference"]["status"] == "ready" and "candidate" in service


def idle(overview: Document) -> bool:
    return not overview["worker"]["inFlight"]


async def web_of(api: Api, project: str) -> Document:
    return (await api.services(project))["web"]


async def test_both_versions_are_found_and_an_ignore_rule_silences_the_candidate(
    real_server: ServerProcess, outdated: Project
) -> None:
    async with running(real_server) as api:
        await api.discovered(outdated.name)
        job = await api.check_project(outdated.name)
        (new,) = job["summary"]["newVersions"]["services"]
        assert (new["currentDisplayTag"], new["candidateDisplayTag"]) == ("1.4.0", "1.5.1")

        web = await until(lambda: web_of(api, outdated.name), versions_known)
        assert (web["image"]["tag"], web["image"]["resolvedTag"]) == ("latest", "1.4.0")
        assert (web["candidate"]["tag"], web["candidate"]["resolvedTag"]) == ("latest", "1.5.1")
        await _rule_silences_the_candidate(api, outdated.name, web["id"])


async def _rule_silences_the_candidate(api: Api, project: str, service_id: str) -> None:
    scope = {"type": "service", "serviceId": service_id}
    assert await _updates(api, project) == 1
    created = await api.post("/api/ignores", {"scope": scope, "match": {"kind": "semver", "value": "<1.6"}})
    assert await _updates(api, project) == 0
    assert (await web_of(api, project))["ignore"]["ruleId"] == created["ruleId"]
    rules = (await api.get("/api/ignores"))["rules"]
    assert [(rule["id"], rule["match"]["value"]) for rule in rules] == [(created["ruleId"], "<1.6")]
    async with api.session.delete("/api/ignores", json=created) as answer:
        assert await answer.json() == {"deleted": True}
    assert await _updates(api, project) == 1
    assert "ignore" not in await web_of(api, project)


async def _updates(api: Api, project: str) -> int:
    listed = await api.listed(project)
    assert listed is not None
    count = listed["updates"]
    assert isinstance(count, int)
    return count


async def test_a_refresh_can_be_followed_from_the_queue_to_its_result(
    real_server: ServerProcess, outdated: Project
) -> None:
    async with running(real_server) as api:
        await api.discovered(outdated.name)
        await api.check_project(outdated.name)
        web = await until(lambda: web_of(api, outdated.name), versions_known)
        service, digest = f"/api/services/{web['id']}", web["candidate"]["digest"]
        before = await api.get(f"{service}/digest-tags-snapshot?digest={digest}")
        assert before["tags"] == ["1.5.1", "latest"]

        async with api.stream("/api/version-inference/events") as events, asyncio.timeout(30):
            async with api.session.post(
                f"{service}/version-inference/refresh", json={"digest": digest}
            ) as answer:
                refresh = await answer.json()
            assert (answer.status, refresh["status"], refresh["reason"]) == (202, "pending", "force")
            received = []
            async for event in events:
                if event.data.get("digest") == digest:
                    received.append(event.data)
                if received and received[-1]["type"] == "task_finished":
                    break
        types = [data["type"] for data in received if data["type"] != "task_progress"]
        assert types == ["task_enqueued", "task_started", "task_finished"]
        assert (received[-1]["status"], received[-1]["allFailed"]) == ("success", False)
        after = await api.get(f"{service}/digest-tags-snapshot?digest={digest}")
        assert after["checkedAt"] > before["checkedAt"]
        live = await api.get(f"{service}/digest-tags?digest={digest}")
        assert live["tags"] == after["tags"]
        overview = await api.get(f"/api/version-inference/overview?q={refresh['imageRepo']}")
        (row,) = overview["rows"]
        assert (row["imageRepo"], row["status"]) == (refresh["imageRepo"], "ready")
        with pytest.raises(Refused) as refused:
            await api.get(f"{service}/digest-tags-snapshot?digest=sha256:{'0' * 64}")
        assert (refused.value.status, refused.value.error["message"]) == (404, "digest snapshot not found")


async def test_a_restart_keeps_every_version_and_asks_no_registry(
    server: ServerProcess, host: FakeHost, fake_registry: FakeRegistry
) -> None:
    old, new = (fake_registry.push("app", tag) for tag in ("1.4.0", "1.5.1"))
    fake_registry.retag("app", "latest", new)
    host.deploy("blog", {"web": f"{fake_registry.host}/app:latest"})
    host.engine.images[-1].repo_digests = (f"{fake_registry.host}/app@{old}",)
    async with running(server) as api:
        await api.discovered("blog")
        await api.check()
        before = await until(lambda: web_of(api, "blog"), versions_known)
        await until(lambda: api.get("/api/version-inference/overview"), idle)
        counted = await _counted_requests(api)
    await server.stop()
    requests = len(fake_registry.requests)
    assert counted == requests

    async with running(server) as api:
        await api.discovered("blog")
        after = await web_of(api, "blog")
        assert after == before
        assert (after["image"]["resolvedTag"], after["candidate"]["resolvedTag"]) == ("1.4.0", "1.5.1")
        overview = await api.get("/api/version-inference/overview")
        assert (overview["worker"]["inFlight"], overview["summary"]["ready"]) == (0, 1)
        assert await _counted_requests(api) == counted
    assert len(fake_registry.requests) == requests


async def _counted_requests(api: Api) -> int:
    (registry,) = (await api.get("/api/version-inference/overview"))["registries"]
    count = registry["requests24h"]
    assert isinstance(count, int)
    return count
