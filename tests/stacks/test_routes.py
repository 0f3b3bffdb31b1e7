"""The stack routes over ASGI, with the exact JSON of their answers."""

import gzip
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta

import pytest

from dockrev.clock import timestamp
from dockrev.config import AuthConfig, DockerConfig
from dockrev.db.database import Database
from dockrev.docker.engine import Engine
from dockrev.docker.host import HostPlatform
from dockrev.images.models import CheckError, ImageFacts, TagState
from dockrev.images.store import ImageStore
from dockrev.stacks.appraisal import Appraiser
from dockrev.stacks.models import Stack
from dockrev.stacks.routes import StackRoutes
from dockrev.stacks.store import StackStore
from dockrev.web.application import create_web_app
from tests.fakes.clock import MovableClock
from tests.stacks.building import AMD64, NEW, OLD, WEB, index, observed, observed_service, running
from tests.web.asgi import Answer, ask


@dataclass(frozen=True)
class Api:
    """The routes and what is behind them."""

    database: Database
    stacks: StackStore
    images: ImageStore
    appraiser: Appraiser
    routes: StackRoutes

    async def ask(self, method: str, path: str, headers: dict[str, str] | None = None) -> Answer:
        app = create_web_app([self.routes.router], AuthConfig(), "1.0")
        return await ask(app, method, path, headers=headers)

    async def learn(self, state: TagState, *facts: ImageFacts) -> None:
        async with self.database.write() as connection:
            await self.images.record(connection, [state], facts)
        self.images.changed()

    async def list(self, query: str = "") -> list[str]:
        answer = await self.ask("GET", f"/api/stacks{query}")
        assert answer.status == 200
        return [stack["name"] for stack in answer.json()["stacks"]]


@pytest.fixture
async def api(database: Database, clock: MovableClock) -> AsyncIterator[Api]:
    config = DockerConfig(host="unix:///nowhere", platform=AMD64)
    stacks, images = StackStore(database, clock), ImageStore(database, clock)
    async with Engine.open(config) as engine:
        appraiser = Appraiser(stacks, images, HostPlatform(engine, config.platform))
        yield Api(database, stacks, images, appraiser, StackRoutes(stacks, appraiser))


@pytest.fixture
async def blog(api: Api) -> Stack:
    """`web` runs an old image, `db` was built here."""
    seen = observed(
        web=observed_service("web", "web", running(OLD)),
        db=observed_service("db", None, running(()), builds=True),
    )
    return await api.stacks.get((await api.stacks.sync(seen)).stack_id)


async def test_the_list_has_the_documented_shape(api: Api, blog: Stack, clock: MovableClock) -> None:
    await api.learn(TagState(WEB, "latest", NEW, clock.now()), index(NEW, amd64=NEW))
    await api.stacks.archive_service(blog.services[0].id, archived=True)
    answer = await api.ask("GET", "/api/stacks")
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    assert answer.json() == {
        "stacks": [
            {
                "id": blog.id,
                "name": "blog",
                "status": "healthy",
                "services": 2,
                "updates": 1,
                "lastCheckAt": timestamp(clock.now()),
                "archived": False,
                "archivedServices": 1,
            }
        ]
    }


async def test_a_stack_has_the_documented_shape(api: Api, blog: Stack, clock: MovableClock) -> None:
    retry_at = clock.now() + timedelta(hours=1)
    error = CheckError("registry_rate_limited", "later", clock.now(), retry_at)
    await api.learn(TagState(WEB, "latest", NEW, clock.now(), error), index(NEW, amd64=NEW, arm64=OLD))
    settings = {
        "autoRollback": True,
        "backupTargets": {"bindPaths": {}, "volumeNames": {}},
        "repoUrl": None,
    }
    containers = {"total": 1, "running": 1, "unhealthy": 0, "mixed": False}
    db, web = blog.services
    answer = await api.ask("GET", f"/api/stacks/{blog.id}")
    assert answer.status == 200
    assert answer.json() == {
        "stack": {
            "id": blog.id,
            "name": "blog",
            "status": "healthy",
            "compose": {"type": "path", "composeFiles": ["/srv/blog/compose.yml"]},
            "services": [
                {
                    "id": db.id,
                    "name": "db",
                    "image": {"ref": "", "tag": "latest"},
                    "settings": settings,
                    "archived": False,
                    "removed": False,
                    "containers": containers,
                    "note": "local build",
                },
                {
                    "id": web.id,
                    "name": "web",
                    "image": {"ref": "web", "tag": "latest", "digest": OLD},
                    "candidate": {
                        "tag": "latest",
                        "digest": NEW,
                        "archMatch": "match",
                        "arch": ["linux/amd64", "linux/arm64"],
                    },
                    "settings": settings,
                    "archived": False,
                    "removed": False,
                    "containers": containers,
                    "checkedAt": timestamp(clock.now()),
                    "checkError": {
                        "code": "registry_rate_limited",
                        "message": "later",
                        "at": timestamp(clock.now()),
                        "retryAt": timestamp(retry_at),
                    },
                },
            ],
            "archived": False,
        }
    }


async def test_a_service_that_left_its_project_is_shown_as_archived(api: Api, blog: Stack) -> None:
    await api.stacks.sync(observed(web="web"))
    services = (await api.ask("GET", f"/api/stacks/{blog.id}")).json()["stack"]["services"]
    assert [(one["name"], one["archived"], one["removed"]) for one in services] == [
        ("db", True, True),
        ("web", False, False),
    ]


async def test_archived_stacks_are_listed_on_demand(api: Api, clock: MovableClock) -> None:
    for name in ("old", "new"):
        stack_id = (await api.stacks.sync(observed(name))).stack_id
        clock.advance(1)
    await api.stacks.archive(stack_id, archived=True)
    assert await api.list() == await api.list("?archived=exclude") == ["old"]
    assert await api.list("?archived=only") == ["new"]
    assert await api.list("?archived=include") == ["new", "old"]


@pytest.mark.parametrize("value", ["", "yes", "EXCLUDE"])
async def test_another_filter_is_refused(api: Api, value: str) -> None:
    answer = await api.ask("GET", f"/api/stacks?archived={value}")
    assert answer.status == 400
    error = answer.json()["error"]
    assert (error["code"], error["details"]["errors"][0]["field"]) == ("invalid_argument", "archived")


async def test_the_list_is_sent_again_only_when_it_changed(api: Api, blog: Stack) -> None:
    first = await api.ask("GET", "/api/stacks")
    known = {"if-none-match": first.headers["etag"]}
    again = await api.ask("GET", "/api/stacks", known)
    assert (again.status, again.body) == (304, b"")
    await api.ask("POST", f"/api/stacks/{blog.id}/archive")
    changed = await api.ask("GET", "/api/stacks", known)
    assert (changed.status, changed.json()) == (200, {"stacks": []})


async def test_the_list_travels_compressed_to_those_who_ask(api: Api, blog: Stack) -> None:
    plain = await api.ask("GET", "/api/stacks")
    small = await api.ask("GET", "/api/stacks", {"accept-encoding": "gzip"})
    assert small.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert small.headers["etag"] != plain.headers["etag"]
    assert json.loads(gzip.decompress(small.body)) == plain.json()


async def test_a_list_asked_for_while_a_check_is_being_stored_is_not_kept(
    api: Api, blog: Stack, clock: MovableClock
) -> None:
    async with api.database.write() as connection:
        state = TagState(WEB, "latest", NEW, clock.now())
        await api.images.record(connection, [state], [index(NEW, amd64=NEW)])
        await api.stacks.record_check(connection, {blog.id})
        during = await api.ask("GET", "/api/stacks")
    api.images.changed()
    api.stacks.changed()
    after = await api.ask("GET", "/api/stacks")
    assert [answer.json()["stacks"][0]["updates"] for answer in (during, after)] == [0, 1]


async def test_archiving_and_restoring_can_be_repeated(api: Api, blog: Stack) -> None:
    for kind, thing in (("stacks", blog.id), ("services", blog.services[0].id)):
        for verb in ("archive", "archive", "restore", "restore"):
            answer = await api.ask("POST", f"/api/{kind}/{thing}/{verb}")
            assert (answer.status, answer.json()) == (200, {"ok": True})
            stack = await api.stacks.get(blog.id)
            archived = stack.archived if kind == "stacks" else stack.services[0].archived
            assert archived is (verb == "archive")


async def test_an_archived_stack_can_still_be_read(api: Api, blog: Stack) -> None:
    await api.ask("POST", f"/api/stacks/{blog.id}/archive")
    answer = await api.ask("GET", f"/api/stacks/{blog.id}")
    assert answer.json()["stack"]["archived"] is True


@pytest.mark.parametrize(
    ("method", "path", "message"),
    [
        ("GET", "/api/stacks/stk_x", "stack not found"),
        ("POST", "/api/stacks/stk_x/archive", "stack not found"),
        ("POST", "/api/stacks/stk_x/restore", "stack not found"),
        ("POST", "/api/services/svc_x/archive", "service not found"),
        ("POST", "/api/services/svc_x/restore", "service not found"),
    ],
)
async def test_what_does_not_exist_is_404(api: Api, method: str, path: str, message: str) -> None:
    answer = await api.ask(method, path)
    assert answer.status == 404
    assert answer.json() == {"error": {"code": "not_found", "message": message, "details": {}}}


async def test_stacks_are_not_registered_by_hand(api: Api) -> None:
    answer = await api.ask("POST", "/api/stacks")
    assert answer.status == 405
    assert answer.json()["error"]["code"] == "manual_registration_disabled"
    assert answer.headers["allow"] == "GET, HEAD"
