"""Discovery, checks, updates by hand and archiving, with a real engine, Compose and registries."""

import asyncio
import secrets
from collections.abc import Iterator

import pytest

from dockrev.oci.platform import Platform
from tests.e2e.api import Api, until
from tests.e2e.server_process import ServerProcess, server_on_bed
from tests.testbed.bed import Bed
from tests.testbed.images import Images
from tests.testbed.projects import Projects
from tests.testbed.registry import Registry

PLATFORMS = (Platform.parse("linux/amd64"), Platform.parse("linux/arm64"))
QUICK_STOP = {"stop_grace_period": "1s"}


@pytest.fixture(scope="module")
def real_server(bed: Bed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with server_on_bed(bed, bed.engine, tmp_path_factory.mktemp("server")) as server:
        yield server


class Shelf:
    """The images of one registry namespace. A second `put` of a name moves the tag to new content."""

    def __init__(self, registry: Registry, images: Images) -> None:
        self._registry = registry
        self._images = images

    def put(self, name: str, version: str) -> dict[str, object]:
        """Pushes the image, and returns a service that uses it."""
        title = name.partition(":")[0]
        pushed = self._registry.push(self._images.build(title, version=version), name)
        return {"image": pushed.name, **QUICK_STOP}

    def put_index(self, name: str, version: str) -> dict[str, object]:
        """Pushes an index for two platforms, with attestations as BuildKit adds them."""
        title = name.partition(":")[0]
        built = [self._images.build(title, version=version, platform=platform) for platform in PLATFORMS]
        pushed = self._registry.push_index(built, name, attestations=True)
        return {"image": pushed.name, **QUICK_STOP}


@pytest.fixture
def shelf(registry: Registry, images: Images) -> Shelf:
    return Shelf(registry, images)


async def test_discovery_follows_projects_by_itself(
    real_server: ServerProcess, projects: Projects, shelf: Shelf
) -> None:
    project = projects.create("visitor", {"web": shelf.put("web", "1")})
    async with real_server.api() as api:
        assert not await api.project(project.name)
        await asyncio.to_thread(project.up)
        stack = await api.discovered(project.name)
        assert (stack["status"], stack["compose"]["composeFiles"]) == ("healthy", [str(project.config_file)])

        await asyncio.to_thread(project.stop)
        await until(lambda: api.stack(project.name), lambda stack: stack["status"] == "degraded")

        await asyncio.to_thread(project.down)
        gone = await until(lambda: api.project(project.name), lambda project: project["status"] == "missing")
        assert gone["stackId"] == stack["id"]
        assert (await api.services(project.name))["web"]["containers"]["total"] == 0


async def test_a_check_finds_exactly_the_tags_that_moved(
    real_server: ServerProcess, projects: Projects, shelf: Shelf, bed: Bed, images: Images
) -> None:
    namespace = f"t{secrets.token_hex(4)}"
    locked = Shelf(bed.password_registry.within(namespace), images)
    tokens = Shelf(bed.token_registry.within(namespace), images)
    local = f"local-{namespace}:1"
    bed.engine.load(images.build("local", version="1"), local)
    services: dict[str, dict[str, object]] = {
        "floating": shelf.put("floating:latest", "1"),
        "rebuilt": shelf.put("rebuilt:1.4.2", "1"),
        "indexed": shelf.put_index("indexed:stable", "1"),
        "resting": shelf.put("resting:3", "1"),
        "single": shelf.put("single:2", "1"),
        "locked": locked.put("locked:1", "1"),
        "token": tokens.put("token:1", "1"),
        "ignored": shelf.put("ignored:1", "1") | {"labels": {"dockrev.watch": "false"}},
        "local": {"image": local, "build": ".", **QUICK_STOP},
        "twice": shelf.put("twice:5", "1") | {"deploy": {"replicas": 2}},
    }
    project = projects.create("fleet", services, files={"Dockerfile": "FROM scratch\n"})
    await asyncio.to_thread(project.up)
    moved = ("floating:latest", "rebuilt:1.4.2", "single:2", "ignored:1", "twice:5")
    await asyncio.to_thread(lambda: [shelf.put(name, "2") for name in moved])
    await asyncio.to_thread(shelf.put_index, "indexed:stable", "2")
    await asyncio.to_thread(locked.put, "locked:1", "2")
    await asyncio.to_thread(tokens.put, "token:1", "2")

    async with real_server.api() as api:
        await api.discovered(project.name, len(services))
        job = await api.check_project(project.name)
        checked = await api.services(project.name)
        listed = await api.listed(project.name)

    outdated = {"floating", "rebuilt", "indexed", "single", "locked", "token", "twice"}
    assert job["status"] == "success"
    assert {name for name, service in checked.items() if "candidate" in service} == outdated
    assert {name: service["note"] for name, service in checked.items() if "note" in service} == {
        "ignored": "not watched",
        "local": "local build",
    }
    assert not [service["checkError"] for service in checked.values() if "checkError" in service]
    assert all(checked[name]["candidate"]["archMatch"] == "match" for name in outdated)
    assert checked["indexed"]["candidate"]["arch"] == ["linux/amd64", "linux/arm64"]
    assert checked["single"]["candidate"]["arch"] == ["linux/amd64"]
    assert checked["twice"]["containers"] == {"total": 2, "running": 2, "unhealthy": 0, "mixed": False}
    assert checked["resting"]["checkedAt"] > job["startedAt"]
    assert listed is not None
    assert (listed["updates"], listed["services"]) == (len(outdated), len(services))
    summary = job["summary"]
    assert (summary["servicesChecked"], summary["servicesSkipped"]) == (len(services) - 2, 2)
    assert summary["servicesWithCandidate"] == len(outdated)
    assert summary["newVersions"]["count"] == len(outdated)


async def test_a_stopped_project_is_checked_too(
    real_server: ServerProcess, projects: Projects, shelf: Shelf
) -> None:
    project = projects.create("sleeper", {"web": shelf.put("web:1", "1")})
    await asyncio.to_thread(project.up)
    await asyncio.to_thread(project.stop)
    await asyncio.to_thread(shelf.put, "web:1", "2")
    async with real_server.api() as api:
        await api.discovered(project.name)
        await until(
            lambda: api.services(project.name), lambda services: services["web"]["containers"]["running"] == 0
        )
        await api.check_project(project.name)
        web = (await api.services(project.name))["web"]
        assert web["candidate"]["digest"] != web["image"]["digest"]
        assert web["containers"] == {"total": 1, "running": 0, "unhealthy": 0, "mixed": False}


async def test_the_events_of_a_check_are_streamed_and_can_be_resumed(
    real_server: ServerProcess, projects: Projects, shelf: Shelf
) -> None:
    project = projects.create("streamed", {name: shelf.put(name, "1") for name in ("one", "two", "three")})
    await asyncio.to_thread(project.up)
    async with real_server.api() as api, api.stream("/api/jobs/events") as everything:
        stack = await api.discovered(project.name, 3)
        job_id = await api.start_check(scope="stack", stackId=stack["id"])
        events = await api.events_of(job_id)
        resumed = await api.events_of(job_id, events[-2].id)
        async with asyncio.timeout(30):
            async for live in everything:
                if live.data["jobId"] == job_id and live.data["type"] == "job_finished":
                    break

    assert (events[-1].kind, events[-1].data["status"]) == ("job_finished", "success")
    assert {"job_log", "job_progress"} <= {event.kind for event in events}
    done = [event.data for event in events if event.kind == "job_progress"][-1]
    assert (done["phase"], done["current"], done["total"], done["percent"]) == ("done", 3, 3, 100)
    ids = [event.id for event in events if event.id is not None]
    assert ids == sorted(set(ids))
    assert resumed == events[-1:]
    assert (live.kind, live.id) == ("job_event", events[-1].id)


async def test_an_update_by_hand_removes_the_candidate_without_a_check(
    real_server: ServerProcess, projects: Projects, shelf: Shelf
) -> None:
    project = projects.create("byhand", {"web": shelf.put("web:1", "1")})
    await asyncio.to_thread(project.up)
    await asyncio.to_thread(shelf.put, "web:1", "2")
    async with real_server.api() as api:
        await api.discovered(project.name)
        await api.check_project(project.name)
        before = (await api.services(project.name))["web"]

        await asyncio.to_thread(project.compose, "pull")
        await asyncio.to_thread(project.up)
        after = await until(lambda: api.services(project.name), lambda now: "candidate" not in now["web"])
        listed = await api.listed(project.name)
    assert after["web"]["image"]["digest"] == before["candidate"]["digest"]
    assert after["web"]["checkedAt"] == before["checkedAt"]
    assert listed is not None
    assert listed["updates"] == 0


async def test_discovery_follows_changes_of_a_project(
    real_server: ServerProcess, projects: Projects, shelf: Shelf
) -> None:
    old, new = shelf.put("web:1", "1"), shelf.put("web:2", "2")
    project = projects.create("changing", {"web": old, "cache": shelf.put("cache", "1")})
    await asyncio.to_thread(project.up)
    await asyncio.to_thread(shelf.put, "web:1", "1b")
    async with real_server.api() as api:
        await api.discovered(project.name, 2)
        await api.check_project(project.name)
        before = await api.services(project.name)
        assert "candidate" in before["web"]

        project.configure({"web": new})
        await asyncio.to_thread(project.compose, "up", "--detach", "--remove-orphans")
        after = await until(lambda: api.services(project.name), lambda services: services["cache"]["removed"])
        after = await until(
            lambda: api.services(project.name), lambda now: now["web"]["image"]["ref"] == new["image"]
        )
        assert after["web"]["id"] == before["web"]["id"]
        assert "candidate" not in after["web"]
        assert after["cache"]["note"] == "removed from the project"
        job = await api.check_project(project.name)
        assert job["summary"]["servicesWithCandidate"] == 0


async def test_stacks_services_and_projects_can_be_archived_and_restored(
    real_server: ServerProcess, projects: Projects, shelf: Shelf
) -> None:
    project = projects.create("attic", {"web": shelf.put("web", "1"), "db": shelf.put("db", "1")})
    await asyncio.to_thread(project.up)
    async with real_server.api() as api:
        stack = await api.discovered(project.name, 2)
        await _archive_and_restore_stack(api, project.name, stack["id"])
        await _archive_and_restore_service(api, project.name)
        await asyncio.to_thread(project.down)
        await _archive_and_restore_missing_project(api, project.name)


async def _archive_and_restore_stack(api: Api, name: str, stack_id: str) -> None:
    for _ in range(2):
        assert await api.post(f"/api/stacks/{stack_id}/archive") == {"ok": True}
    assert await api.listed(name) is None
    assert await api.listed(name, "only") is not None
    assert await api.post(f"/api/stacks/{stack_id}/restore") == {"ok": True}
    assert await api.listed(name) is not None
    assert await api.listed(name, "only") is None


async def _archive_and_restore_service(api: Api, name: str) -> None:
    service_id = (await api.services(name))["db"]["id"]
    assert await api.post(f"/api/services/{service_id}/archive") == {"ok": True}
    listed = await api.listed(name)
    assert listed is not None
    assert listed["archivedServices"] == 1
    assert (await api.services(name))["db"]["archived"]
    assert await api.post(f"/api/services/{service_id}/restore") == {"ok": True}
    assert not (await api.services(name))["db"]["archived"]


async def _archive_and_restore_missing_project(api: Api, name: str) -> None:
    """The project is missing, because the next scan would restore a project that has containers."""
    await until(lambda: api.project(name), lambda project: project["status"] == "missing")
    path = f"/api/discovery/projects/{name}"
    for verb, archived in (("archive", True), ("restore", False)):
        assert await api.post(f"{path}/{verb}") == {"ok": True}
        assert (await api.project(name))["archived"] is archived


async def test_a_scan_can_be_requested(real_server: ServerProcess, projects: Projects, shelf: Shelf) -> None:
    project = projects.create("scanned", {"web": shelf.put("web", "1")})
    await asyncio.to_thread(project.up)
    async with real_server.api() as api:
        job = await api.finished((await api.post("/api/discovery/scan"))["jobId"])
        scan = job["summary"]["scan"]
        actions = {action["project"]: action for action in scan["actions"]}
        assert job["status"] == "success"
        stack = await api.stack(project.name)
    assert actions[project.name]["stackId"] == stack["id"]
    assert actions[project.name]["action"] != "failed"
    assert scan["summary"]["projectsSeen"] >= 1
