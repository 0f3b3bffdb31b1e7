"""The stack routes over ASGI, with the exact JSON of their answers."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from dockrev.clock import timestamp
from dockrev.config.shared import AuthConfig, DockerConfig
from dockrev.db.database import Database
from dockrev.docker.engine import Engine
from dockrev.hosts.directory import HostDirectory
from dockrev.ignores.models import MatchKind
from dockrev.ignores.store import IgnoreStore
from dockrev.images.models import CheckError, ImageFacts, TagState
from dockrev.images.store import ImageStore
from dockrev.stacks.models import Stack
from dockrev.stacks.routes import StackRoutes
from dockrev.stacks.store import StackStore
from dockrev.stacks.views import StackViews
from dockrev.versions.models import DigestKey, InferenceReason, Lookup
from dockrev.versions.observe import Observation
from dockrev.versions.store import VersionStore
from dockrev.web.application import create_web_app
from tests.fakes.clock import MovableClock
from tests.hosts.building import host_of
from tests.stacks.building import AMD64, NEW, OLD, WEB, index, observed, observed_service, running, snapshot
from tests.web.asgi import Answer, ask


@dataclass(frozen=True)
class Api:
    """The routes and their stores."""

    database: Database
    stacks: StackStore
    images: ImageStore
    versions: VersionStore
    ignores: IgnoreStore
    views: StackViews
    routes: StackRoutes
    requested: list[Lookup]
    """The lookups that reading stacks requested."""

    async def ask(self, method: str, path: str, headers: dict[str, str] | None = None) -> Answer:
        app = create_web_app([self.routes.router], AuthConfig(), "1.0")
        return await ask(app, method, path, headers=headers)

    async def learn(self, state: TagState, *facts: ImageFacts) -> None:
        async with self.database.write() as connection:
            await self.images.record(connection, [state], facts)

    async def list(self, query: str = "") -> list[str]:
        answer = await self.ask("GET", f"/api/stacks{query}")
        assert answer.status == 200
        return [stack["name"] for stack in answer.json()["stacks"]]


@pytest.fixture
async def api(database: Database, clock: MovableClock) -> AsyncIterator[Api]:
    config = DockerConfig(host="unix:///nowhere", platform=AMD64)
    stacks, images = StackStore(database, clock), ImageStore(database, clock)
    versions, ignores = VersionStore(database), IgnoreStore(database, clock)
    requested: list[Lookup] = []

    async with Engine.open(config) as engine:
        hosts = HostDirectory([host_of(engine, config.platform)])
        views = StackViews(stacks, images, versions, ignores, hosts, clock)
        routes = StackRoutes(stacks, views, requested.extend)
        yield Api(database, stacks, images, versions, ignores, views, routes, requested)


@pytest.fixture
async def blog(api: Api) -> Stack:
    """`web` runs an old image, and `db` was built on the host."""
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
                "hostId": "local",
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
    first_seen = clock.now() - timedelta(days=2)
    await api.learn(
        TagState(WEB, "latest", NEW, clock.now(), error, first_seen), index(NEW, amd64=NEW, arm64=OLD)
    )
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
            "hostId": "local",
            "name": "blog",
            "status": "healthy",
            "compose": {"type": "path", "composeFiles": ["/srv/blog/compose.yml"]},
            "services": [
                {
                    "id": db.id,
                    "hostId": "local",
                    "name": "db",
                    "image": {"ref": "", "tag": "latest"},
                    "versionInference": {"status": "ready", "reason": "not_required"},
                    "settings": settings,
                    "archived": False,
                    "removed": False,
                    "containers": containers,
                    "note": "local build",
                    "blockers": [
                        {
                            "code": "local_build",
                            "text": "its image is built on this host and comes from no registry",
                            "remedy": "Build it again: docker compose build --pull.",
                        }
                    ],
                },
                {
                    "id": web.id,
                    "hostId": "local",
                    "name": "web",
                    "image": {"ref": "web", "tag": "latest", "digest": OLD},
                    "candidate": {
                        "tag": "latest",
                        "digest": NEW,
                        "archMatch": "match",
                        "arch": ["linux/amd64", "linux/arm64"],
                        "firstSeenAt": timestamp(first_seen),
                    },
                    "versionInference": {"status": "pending", "reason": "cache_miss"},
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
                    "blockers": [],
                },
            ],
            "archived": False,
        }
    }


async def detail(api: Api, blog: Stack, service: str = "web") -> dict[str, Any]:
    answer = await api.ask("GET", f"/api/stacks/{blog.id}")
    assert answer.status == 200
    return next(each for each in answer.json()["stack"]["services"] if each["name"] == service)


async def test_known_versions_are_shown_with_the_best_first(
    api: Api, blog: Stack, clock: MovableClock
) -> None:
    await api.learn(TagState(WEB, "latest", NEW, clock.now()), index(NEW, amd64=NEW))
    first = snapshot(OLD, "latest", "1.4.0", "v1.4.0", "1.4", checked_at=clock.now())
    clock.advance(60)
    second = snapshot(NEW, "1.5.1", checked_at=clock.now())
    await api.versions.learn(Observation(WEB, snapshots=[first, second]))
    web = await detail(api, blog)
    tags = web["image"].pop("resolvedTags")
    assert web["image"] == {"ref": "web", "tag": "latest", "digest": OLD, "resolvedTag": tags[0]}
    assert sorted(tags) == ["1.4.0", "v1.4.0"]
    assert web["candidate"]["tag"] == "latest"
    assert web["candidate"]["resolvedTag"] == "1.5.1"
    assert web["versionInference"] == {"status": "ready", "checkedAt": timestamp(clock.now())}
    assert api.requested == []


async def test_the_version_label_is_shown_in_its_own_field(api: Api) -> None:
    seen = observed("own", web=observed_service("web", "web", running(OLD, version="1.4.0")))
    own = await api.stacks.get((await api.stacks.sync(seen)).stack_id)
    image = (await detail(api, own))["image"]
    assert image == {"ref": "web", "tag": "latest", "digest": OLD, "labelVersion": "1.4.0"}


async def test_reading_a_stack_requests_unknown_versions(api: Api, blog: Stack, clock: MovableClock) -> None:
    await api.learn(TagState(WEB, "latest", NEW, clock.now()), index(NEW, amd64=NEW))
    await detail(api, blog)
    await api.list()
    assert api.requested == [
        Lookup(DigestKey(WEB, digest, AMD64), InferenceReason.CACHE_MISS, ("latest",), runs=digest == OLD)
        for digest in (NEW, OLD)
    ]


@pytest.mark.parametrize(
    ("kind", "value", "matched"),
    [
        (MatchKind.EXACT, "latest", "latest"),
        (MatchKind.EXACT, "1.5.1", "1.5.1"),
        (MatchKind.PREFIX, "lat", "latest"),
        (MatchKind.PREFIX, "1.5", "1.5.1"),
        (MatchKind.REGEX, "^latest$", "latest"),
        (MatchKind.REGEX, r"^1\.5\.", "1.5.1"),
        (MatchKind.REGEX, ".*", "latest"),
        (MatchKind.SEMVER, ">=1.5, <1.6", "1.5.1"),
    ],
)
async def test_adding_and_removing_a_rule_takes_effect_at_once(
    api: Api, blog: Stack, clock: MovableClock, kind: MatchKind, value: str, matched: str
) -> None:
    await api.learn(TagState(WEB, "latest", NEW, clock.now()), index(NEW, amd64=NEW))
    await api.versions.learn(Observation(WEB, snapshots=[snapshot(NEW, "1.5.1", checked_at=clock.now())]))
    web_id = blog.services[1].id
    assert (await updates(api), (await detail(api, blog)).get("ignore")) == (1, None)
    rule = await api.ignores.add(web_id, kind, value, None, enabled=True)
    ignore = (await detail(api, blog))["ignore"]
    assert (await updates(api), ignore["matched"], ignore["ruleId"]) == (0, True, rule.id)
    assert ignore["reason"] == f'matched ignore rule for tag {matched}: {kind} "{value}"'
    assert "candidate" in await detail(api, blog), "it is silenced, not hidden"
    await api.ignores.remove(rule.id)
    assert (await updates(api), (await detail(api, blog)).get("ignore")) == (1, None)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (MatchKind.EXACT, "1.4.0"),
        (MatchKind.PREFIX, "1.4"),
        (MatchKind.REGEX, "^2"),
        (MatchKind.SEMVER, "<1.5"),
    ],
)
async def test_a_rule_that_does_not_match_silences_nothing(
    api: Api, blog: Stack, clock: MovableClock, kind: MatchKind, value: str
) -> None:
    """The running image is no candidate, so a rule never matches its version."""
    await api.learn(TagState(WEB, "latest", NEW, clock.now()), index(NEW, amd64=NEW))
    known = [snapshot(OLD, "1.4.0", checked_at=clock.now()), snapshot(NEW, "1.5.1", checked_at=clock.now())]
    await api.versions.learn(Observation(WEB, snapshots=known))
    await api.ignores.add(blog.services[1].id, kind, value, None, enabled=True)
    assert (await updates(api), (await detail(api, blog)).get("ignore")) == (1, None)


async def test_a_rule_matches_a_version_as_soon_as_it_is_known(
    api: Api, blog: Stack, clock: MovableClock
) -> None:
    await api.learn(TagState(WEB, "latest", NEW, clock.now()), index(NEW, amd64=NEW))
    await api.ignores.add(blog.services[1].id, MatchKind.EXACT, "1.5.1", None, enabled=True)
    assert await updates(api) == 1
    await api.versions.learn(Observation(WEB, snapshots=[snapshot(NEW, "1.5.1", checked_at=clock.now())]))
    assert await updates(api) == 0


async def updates(api: Api) -> int:
    (listed,) = (await api.ask("GET", "/api/stacks")).json()["stacks"]
    count = listed["updates"]
    assert isinstance(count, int)
    return count


async def test_a_service_that_left_its_project_is_shown_as_archived(api: Api, blog: Stack) -> None:
    await api.stacks.sync(observed(web="web"))
    services = (await api.ask("GET", f"/api/stacks/{blog.id}")).json()["stack"]["services"]
    assert [(each["name"], each["archived"], each["removed"]) for each in services] == [
        ("db", True, True),
        ("web", False, False),
    ]


async def test_archived_stacks_are_listed_on_demand(api: Api, clock: MovableClock) -> None:
    for name in ("old", "new"):
        stack_id = (await api.stacks.sync(observed(name))).stack_id
        clock.advance(1)
    await api.stacks.archive(stack_id, archived=True)
    assert await api.list() == await api.list("?archived=exclude") == await api.list("?archived=") == ["old"]
    assert await api.list("?archived=only") == ["new"]
    assert await api.list("?archived=include") == ["new", "old"]


@pytest.mark.parametrize("value", ["yes", "EXCLUDE"])
async def test_an_unknown_filter_is_refused(api: Api, value: str) -> None:
    answer = await api.ask("GET", f"/api/stacks?archived={value}")
    assert answer.status == 400
    error = answer.json()["error"]
    assert (error["code"], error["details"]["errors"][0]["field"]) == ("invalid_argument", "archived")


async def test_an_unchanged_list_is_answered_with_304(api: Api, blog: Stack) -> None:
    first = await api.ask("GET", "/api/stacks")
    known = {"if-none-match": first.headers["etag"]}
    again = await api.ask("GET", "/api/stacks", known)
    assert (again.status, again.body) == (304, b"")
    await api.ask("POST", f"/api/stacks/{blog.id}/archive")
    changed = await api.ask("GET", "/api/stacks", known)
    assert (changed.status, changed.json()) == (200, {"stacks": []})


async def test_the_etag_of_a_list_from_before_a_commit_is_not_valid_after_it(
    api: Api, blog: Stack, clock: MovableClock
) -> None:
    async with api.database.write() as connection:
        state = TagState(WEB, "latest", NEW, clock.now())
        await api.images.record(connection, [state], [index(NEW, amd64=NEW)])
        await api.stacks.record_check(connection, {blog.id})
        during = await api.ask("GET", "/api/stacks")
    after = await api.ask("GET", "/api/stacks", {"if-none-match": during.headers["etag"]})
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
async def test_an_unknown_stack_or_service_is_404(api: Api, method: str, path: str, message: str) -> None:
    answer = await api.ask(method, path)
    assert answer.status == 404
    assert answer.json() == {"error": {"code": "not_found", "message": message, "details": {}}}


async def test_registering_a_stack_by_hand_is_refused(api: Api) -> None:
    answer = await api.ask("POST", "/api/stacks")
    assert answer.status == 405
    assert answer.json()["error"]["code"] == "manual_registration_disabled"
    assert answer.headers["allow"] == "GET, HEAD"
