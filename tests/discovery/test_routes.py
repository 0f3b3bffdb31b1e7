import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from yarl import URL

from dockrev.config.shared import AuthConfig
from dockrev.discovery.jobs import DiscoveryJobs
from dockrev.discovery.routes import DiscoveryRoutes
from dockrev.discovery.scanners import Scanners
from dockrev.errors import DockerError
from dockrev.jobs.feed import LogFeed
from dockrev.jobs.models import Job, JobStatus, Level, LogRow
from dockrev.jobs.runner import JobRunner
from dockrev.jobs.store import JobStore
from dockrev.web.application import create_web_app
from tests.discovery.host import CONFIG_FILES, DiscoveryHost
from tests.discovery.scripted import ScriptedScanner
from tests.web.serving import serving

WEB = "services: {web: {image: nginx}}"
MAX_ACTIONS = 3


@dataclass(frozen=True)
class Api:
    host: DiscoveryHost
    client: aiohttp.ClientSession
    jobs: JobStore
    runner: JobRunner
    feed: LogFeed

    async def get(self, path: str) -> Any:
        async with self.client.get(path) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()

    async def post(self, path: str) -> tuple[int, Any]:
        async with self.client.post(path) as answer:
            return answer.status, await answer.json()

    async def scan(self) -> Job:
        """Starts a scan and returns the finished job."""
        status, answer = await self.post("/api/discovery/scan")
        assert status == 200
        with self.feed.subscribe() as arriving:
            while True:
                job = await self.jobs.get(answer["jobId"])
                if job.status.terminal:
                    return job
                async with asyncio.timeout(10):
                    await arriving.next()

    async def logs(self, job: Job) -> list[LogRow]:
        return [row for row in await self.jobs.newest_logs(job.id, 500) if row.level is not Level.EVENT]


@pytest.fixture
async def api(host: DiscoveryHost, tmp_path: Path) -> AsyncIterator[Api]:
    feed = LogFeed()
    jobs = JobStore(host.database, feed, host.clock)
    runner = JobRunner(jobs, host.clock)
    discovery = DiscoveryJobs(runner, Scanners([host.scanner]), MAX_ACTIONS)
    app = create_web_app([DiscoveryRoutes(host.projects, discovery).router], AuthConfig(), "1.2.3")
    async with serving(app) as served:
        yield Api(host, served.client, jobs, runner, feed)


@pytest.fixture
async def working(api: Api) -> AsyncIterator[Api]:
    """Also runs jobs. Stopping them takes a second."""
    await api.runner.start()
    try:
        yield api
    finally:
        await api.runner.stop()


async def test_a_scan_is_a_job_of_the_user_who_started_it(working: Api) -> None:
    job = await working.scan()

    assert job.id.startswith("dsc_")
    assert (job.type, job.target.scope, job.reason) == ("discovery", "all", "ui")
    assert (job.status, job.created_by) == (JobStatus.SUCCESS, "anonymous")


async def test_the_summary_of_a_scan_lists_an_action_for_each_project(working: Api) -> None:
    working.host.deploy("blog", WEB, "web")
    working.host.run("db", "db", labels={})

    job = await working.scan()

    assert job.summary["scan"] == {
        "startedAt": "2026-01-02T03:04:05.000000Z",
        "durationMs": 0,
        "summary": {
            "projectsSeen": 2,
            "stacksCreated": 1,
            "stacksUpdated": 0,
            "stacksSkipped": 0,
            "stacksFailed": 1,
            "stacksMarkedMissing": 0,
        },
        "actions": [
            {"project": "blog", "action": "created", "stackId": (await working.host.stack("blog")).id},
            {"project": "db", "action": "failed", "reason": "config_files_missing"},
        ],
    }


async def test_the_summary_is_cut_and_the_scan_is_complete(working: Api) -> None:
    for number in range(MAX_ACTIONS + 2):
        working.host.deploy(f"p{number}", WEB, "web")

    scan: Any = (await working.scan()).summary["scan"]

    assert [action["project"] for action in scan["actions"]] == ["p0", "p1", "p2"]
    assert scan["summary"]["stacksCreated"] == MAX_ACTIONS + 2
    assert len(await working.host.stacks.all()) == MAX_ACTIONS + 2


async def test_the_job_logs_its_actions_and_ends_with_the_phase_done(working: Api) -> None:
    working.host.deploy("blog", WEB, "web")
    working.host.run("db", "db", labels={})

    job = await working.scan()

    assert [(row.level, row.message) for row in await working.logs(job)] == [
        (Level.INFO, "discovery started"),
        (Level.INFO, "blog created"),
        (Level.WARN, "db failed: config_files_missing"),
    ]
    assert job.progress is not None
    assert (job.progress["phase"], job.progress["current"], job.progress["total"]) == ("done", 2, 2)


async def test_the_action_has_the_details_of_a_fault(working: Api) -> None:
    working.host.run("db", "db", labels={CONFIG_FILES: "compose.yaml"})

    scan: Any = (await working.scan()).summary["scan"]

    assert scan["actions"][0]["details"] == {
        "kind": "config_files_invalid",
        "service": "db",
        "raw": "compose.yaml",
    }


async def test_a_scan_without_an_engine_is_a_failed_job(working: Api) -> None:
    await working.host.fake.stop()

    job = await working.scan()

    assert job.status is JobStatus.FAILED
    assert str(job.summary["error"]).startswith("There is no Docker socket")
    assert (await working.logs(job))[-1].level is Level.ERROR


async def unreachable() -> Mapping[str, str]:
    raise DockerError("nobody answers")


async def test_a_host_that_is_away_is_logged_and_the_others_are_scanned(working: Api) -> None:
    working.host.deploy("blog", WEB, "web")
    both = Scanners([working.host.scanner, ScriptedScanner(unreachable, "nas")])
    DiscoveryJobs(working.runner, both, MAX_ACTIONS)  # the runner now runs discovery jobs with these

    job = await working.scan()

    scan: Any = job.summary["scan"]
    assert (job.status, [action["project"] for action in scan["actions"]]) == (JobStatus.SUCCESS, ["blog"])
    lines = [(row.level, row.message) for row in await working.logs(job)]
    assert (Level.ERROR, "host nas was not scanned: nobody answers") in lines


async def test_scans_started_at_the_same_time_all_run(working: Api) -> None:
    working.host.deploy("blog", WEB, "web")

    jobs = await asyncio.gather(working.scan(), working.scan(), working.scan())

    assert [job.status for job in jobs] == [JobStatus.SUCCESS] * 3
    assert len({job.id for job in jobs}) == 3


async def test_the_discovered_projects_are_listed(api: Api) -> None:
    api.host.deploy("blog", WEB, "web")
    api.host.run("db", "db", labels={})
    await api.host.scanner.scan()

    assert await api.get("/api/discovery/projects") == {
        "projects": [
            {
                "hostId": "local",
                "project": "blog",
                "status": "active",
                "stackId": (await api.host.stack("blog")).id,
                "configFiles": [f"{api.host.directory}/blog/compose.yaml"],
                "lastSeenAt": "2026-01-02T03:04:05.000000Z",
                "lastScanAt": "2026-01-02T03:04:05.000000Z",
                "archived": False,
            },
            {
                "hostId": "local",
                "project": "db",
                "status": "invalid",
                "lastSeenAt": "2026-01-02T03:04:05.000000Z",
                "lastScanAt": "2026-01-02T03:04:05.000000Z",
                "lastError": "config_files_missing",
                "archived": False,
            },
        ]
    }


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("", "shop"),
        ("?archived=exclude", "shop"),
        ("?archived=", "shop"),
        ("?archived=include", "blog shop"),
        ("?archived=only", "blog"),
    ],
)
async def test_archived_projects_are_listed_on_request(api: Api, query: str, names: str) -> None:
    for project in ("blog", "shop"):
        api.host.deploy(project, WEB, "web")
    await api.host.scanner.scan()

    assert await api.post("/api/discovery/projects/blog/archive") == (200, {"ok": True})

    listed = await api.get(f"/api/discovery/projects{query}")
    assert [project["project"] for project in listed["projects"]] == names.split()


async def test_an_archived_project_is_restored(api: Api) -> None:
    api.host.deploy("blog", WEB, "web")
    await api.host.scanner.scan()
    await api.post("/api/discovery/projects/blog/archive")

    for _ in range(2):
        assert await api.post("/api/discovery/projects/blog/restore") == (200, {"ok": True})

    assert len((await api.get("/api/discovery/projects"))["projects"]) == 1


async def test_the_stack_of_an_archived_project_is_not_archived(api: Api) -> None:
    api.host.deploy("blog", WEB, "web")
    await api.host.scanner.scan()

    await api.post("/api/discovery/projects/blog/archive")

    assert not (await api.host.stack("blog")).archived


@pytest.mark.parametrize("name", ["my%20blog", "a%2Fb", "%C3%A9", "archive"])
async def test_a_project_of_any_name_can_be_archived(api: Api, name: str) -> None:
    project = URL(f"http://host/{name}", encoded=True).path.removeprefix("/")
    api.host.run(project, "web", labels={})
    await api.host.scanner.scan()

    url = URL(f"/api/discovery/projects/{name}/archive", encoded=True)
    async with api.client.post(url) as answer:
        assert (answer.status, await answer.json()) == (200, {"ok": True})


@pytest.mark.parametrize("verb", ["archive", "restore"])
async def test_an_unknown_project_is_not_found(api: Api, verb: str) -> None:
    status, answer = await api.post(f"/api/discovery/projects/nobody/{verb}")

    assert status == 404
    assert answer == {"error": {"code": "not_found", "message": "project not found", "details": {}}}


async def test_an_unknown_filter_is_refused(api: Api) -> None:
    async with api.client.get("/api/discovery/projects?archived=maybe") as answer:
        assert answer.status == 400
        assert (await answer.json())["error"]["code"] == "invalid_argument"


async def test_the_body_of_a_scan_request_is_ignored(working: Api) -> None:
    async with working.client.post("/api/discovery/scan", data=b"{nonsense") as answer:
        assert answer.status == 200
