"""One server with two hosts, which have a project of the same name. Neither host affects the other."""

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from dockrev.app import open_server
from dockrev.clock import SystemClock
from dockrev.config.server import Config
from tests.e2e.api import Api, Document, until
from tests.e2e.server_process import environment
from tests.testbed.bed import Bed
from tests.testbed.engine import Engine
from tests.testbed.images import Image, Images
from tests.testbed.projects import Project
from tests.testbed.registry import Registry
from tests.updates.story import statuses, target_of
from tests.web.serving import serving

BLOG = "two-hosts-blog"
GARAGE = "garage"
STALE, NEEDED = "dockrev/rollback:svc_gone", "dockrev/rollback:{}"


@dataclass(frozen=True)
class TwoHosts:
    """`blogs`: the project of each host, by host id. Both use the image `blog:1`."""

    blogs: dict[str, Project]
    old: Image
    new: Image
    config: Config

    def runs(self, host_id: str) -> dict[str, str]:
        """The image id of each container, by container id."""
        return {item.container_id: item.image_id for item in self.blogs[host_id].containers()}

    def tags(self, host_id: str) -> set[str]:
        images = self.blogs[host_id].engine.api.get("/images/json")
        return {tag for image in images for tag in image["RepoTags"] or ()}

    @asynccontextmanager
    async def server(self) -> AsyncIterator[Api]:
        garage = replace(self.config.docker, host=self.blogs[GARAGE].engine.host)
        async with (
            open_server(self.config, SystemClock(), {GARAGE: garage}) as dockrev,
            serving(dockrev.web, dockrev.shutdown) as served,
        ):
            yield Api(served.client)

    def rows(self, query: str) -> list[Any]:
        with closing(sqlite3.connect(self.config.db_path, timeout=20)) as database, database:
            return database.execute(query).fetchall()


@pytest.fixture
def two_hosts(
    engine: Engine, private_engine: Engine, bed: Bed, registry: Registry, images: Images, tmp_path: Path
) -> Iterator[TwoHosts]:
    old, new = (images.build("two-hosts", version=version) for version in ("1", "2"))
    pushed = registry.push(old, "two-hosts:1")
    blogs = {}
    for host_id, own_engine in (("local", engine), (GARAGE, private_engine)):
        blog = Project(BLOG, tmp_path / host_id / BLOG, own_engine, bed.docker_config)
        service = {"image": pushed.name, "volumes": ["data:/data"], "stop_grace_period": "1s"}
        blog.configure({"web": service}, volumes={"data": {}})
        blog.up()
        blogs[host_id] = blog
    registry.push(new, "two-hosts:1")
    settings = environment(tmp_path, engine.host) | {
        "DOCKREV_DB_PATH": str(tmp_path / "dockrev.sqlite3"),
        "DOCKREV_DOCKER_CONFIG": str(bed.docker_config.file),
    }
    yield TwoHosts(blogs, old, new, Config.from_env(settings))
    engine.remove_project(BLOG)


async def stacks_by_host(api: Api) -> dict[str, Document]:
    """Waits until both stacks exist. Returns them by host id."""

    async def stacks() -> dict[str, Document]:
        listed = [item for item in (await api.get("/api/stacks"))["stacks"] if item["name"] == BLOG]
        return {item["hostId"]: (await api.get(f"/api/stacks/{item['id']}"))["stack"] for item in listed}

    return await until(stacks, lambda stacks: stacks.keys() == {"local", GARAGE})


async def check(api: Api, stack: Document) -> Document:
    return await api.check(scope="stack", stackId=stack["id"])


async def update(api: Api, stack: Document) -> Document:
    (service,) = stack["services"]
    body = {"scope": "service", **target_of(service), "reason": "ui", "mode": "apply"}
    return await api.finished((await api.post("/api/updates", body))["jobId"])


async def test_the_same_project_on_two_hosts_is_checked_and_updated_on_each_separately(
    two_hosts: TwoHosts, tmp_path: Path
) -> None:
    async with two_hosts.server() as api:
        two_hosts.rows(
            "INSERT OR REPLACE INTO settings VALUES"
            " ('updates', '{\"stabilitySeconds\": 1}', '2024-01-01T00:00:00.000000Z', 'test'),"
            f" ('backup', '{json.dumps({'baseDir': str(tmp_path / 'backups')})}',"
            " '2024-01-01T00:00:00.000000Z', 'test')"
        )
        stacks = await stacks_by_host(api)
        assert [item["hostId"] for stack in stacks.values() for item in stack["services"]] == list(stacks)
        assert two_hosts.rows(f"SELECT host_id FROM discovered_projects WHERE project = '{BLOG}'") == [
            (GARAGE,),
            ("local",),
        ]
        local, garage = two_hosts.runs("local"), two_hosts.runs(GARAGE)
        assert set(local.values()) == set(garage.values()) == {two_hosts.old.image_id}

        checked = await check(api, stacks[GARAGE])
        assert (checked["hostId"], checked["summary"]["stackIds"]) == (GARAGE, [stacks[GARAGE]["id"]])
        stacks = await stacks_by_host(api)
        job = await update(api, stacks[GARAGE])
        assert (job["status"], job["hostId"], statuses(job)) == ("success", GARAGE, {"web": "updated"})

        assert set(two_hosts.runs(GARAGE).values()) == {two_hosts.new.image_id}
        assert two_hosts.runs("local") == local
        stacks = await stacks_by_host(api)
        candidates = {host_id: item["services"][0].get("candidate") for host_id, item in stacks.items()}
        assert (candidates[GARAGE], bool(candidates["local"])) == (None, True)
        assert two_hosts.rows("SELECT host_id, stack_id, job_id, status FROM backups") == [
            (GARAGE, stacks[GARAGE]["id"], job["id"], "success")
        ]

        garage = two_hosts.runs(GARAGE)
        await check(api, stacks["local"])
        job = await update(api, (await stacks_by_host(api))["local"])
        assert (job["status"], job["hostId"], statuses(job)) == ("success", "local", {"web": "updated"})
        assert set(two_hosts.runs("local").values()) == {two_hosts.new.image_id}
        assert two_hosts.runs(GARAGE) == garage
        assert two_hosts.rows("SELECT host_id FROM backups ORDER BY created_at") == [(GARAGE,), ("local",)]
        assert two_hosts.rows("SELECT * FROM suspended_containers") == []


async def test_an_unreachable_host_does_not_affect_the_other(
    two_hosts: TwoHosts, private_engine: Engine
) -> None:
    async with two_hosts.server() as api:
        stacks = await stacks_by_host(api)
        await asyncio.to_thread(private_engine.stop)

        job = await api.check(scope="all")

        assert job["status"] == "success"
        stacks = await stacks_by_host(api)
        assert (stacks[GARAGE]["status"], stacks["local"]["status"]) == ("unknown", "healthy")
        assert stacks["local"]["services"][0]["candidate"]
        job = await update(api, stacks["local"])
        assert (job["status"], job["hostId"]) == ("success", "local")


async def test_unneeded_tags_of_old_images_are_removed_on_each_host(two_hosts: TwoHosts) -> None:
    async with two_hosts.server() as api:
        stacks = await stacks_by_host(api)
    needed = {host_id: NEEDED.format(item["services"][0]["id"]) for host_id, item in stacks.items()}
    for host_id, blog in two_hosts.blogs.items():
        for tag in (STALE, needed[host_id]):
            await asyncio.to_thread(blog.engine.load, two_hosts.old, tag)

    async with two_hosts.server() as api:
        await stacks_by_host(api)

    for host_id, tag in needed.items():
        assert STALE not in two_hosts.tags(host_id)
        assert tag in two_hosts.tags(host_id)
