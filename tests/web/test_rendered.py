import asyncio
import gzip
import json
from dataclasses import dataclass, field

import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from dockrev.config import AuthConfig
from dockrev.errors import StorageError
from dockrev.web.application import create_web_app
from dockrev.web.body import ApiRouter
from dockrev.web.rendered import RenderedCache, accepts_gzip
from tests.web.asgi import ask
from tests.web.serving import serving

PATH = "/api/stacks"
GZIP = {"accept-encoding": "gzip"}


@dataclass(slots=True)
class Stacks:
    """A list with a version, which counts how often it was rendered."""

    names: list[str] = field(default_factory=lambda: ["blog"])
    version: int = 1
    renders: int = 0
    down: bool = False
    gate: asyncio.Event | None = None
    rendering: asyncio.Event = field(default_factory=asyncio.Event)

    async def render(self) -> bytes:
        self.renders += 1
        self.rendering.set()
        if self.gate:
            await self.gate.wait()
        if self.down:
            raise StorageError("the disk is full")
        return json.dumps(self.names).encode()

    def add(self, name: str) -> None:
        self.names.append(name)
        self.version += 1


def listing(stacks: Stacks) -> ASGIApp:
    router, cache = ApiRouter(), RenderedCache()

    @router.get(PATH)
    async def stack_list(request: Request, archived: str = "exclude") -> Response:
        return await cache.respond(request, stacks.version, archived, stacks.render)

    return create_web_app([router], AuthConfig(), "1.2.3")


async def test_a_version_is_rendered_once() -> None:
    stacks = Stacks()
    app = listing(stacks)
    answers = [await ask(app, "GET", PATH, headers=headers) for headers in ({}, GZIP, {}, GZIP)]
    assert stacks.renders == 1
    assert [answer.status for answer in answers] == [200] * 4
    assert answers[0].body == answers[2].body == b'["blog"]'


async def test_a_new_version_is_rendered_anew() -> None:
    stacks = Stacks()
    app = listing(stacks)
    first = await ask(app, "GET", PATH)
    stacks.add("shop")
    second = await ask(app, "GET", PATH, headers={"if-none-match": first.headers["etag"]})
    assert (second.status, second.json()) == (200, ["blog", "shop"])
    assert second.headers["etag"] != first.headers["etag"]


async def test_an_older_version_does_not_replace_a_newer_one() -> None:
    stacks = Stacks(version=5)
    app = listing(stacks)
    await ask(app, "GET", PATH)
    stacks.version = 4
    assert (await ask(app, "GET", PATH)).status == 200
    assert stacks.renders == 1


async def test_those_who_ask_together_share_one_rendering() -> None:
    gate = asyncio.Event()
    stacks = Stacks(gate=gate)
    app = listing(stacks)
    async with asyncio.TaskGroup() as group:
        asked = [group.create_task(ask(app, "GET", PATH)) for _ in range(8)]
        await stacks.rendering.wait()
        gate.set()
    assert stacks.renders == 1
    assert {task.result().body for task in asked} == {b'["blog"]'}


async def test_views_are_kept_apart() -> None:
    stacks = Stacks()
    app = listing(stacks)
    await ask(app, "GET", PATH)
    await ask(app, "GET", f"{PATH}?archived=only")
    assert stacks.renders == 2


async def test_a_failed_rendering_is_not_kept() -> None:
    stacks = Stacks(down=True)
    app = listing(stacks)
    assert (await ask(app, "GET", PATH)).status == 503
    stacks.down = False
    assert (await ask(app, "GET", PATH)).json() == ["blog"]


@pytest.mark.parametrize("headers", [{}, GZIP], ids=["plain", "gzip"])
async def test_who_has_it_already_hears_304(headers: dict[str, str]) -> None:
    app = listing(Stacks())
    first = await ask(app, "GET", PATH, headers=headers)
    again = await ask(app, "GET", PATH, headers=headers | {"if-none-match": first.headers["etag"]})
    assert (again.status, again.body) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    assert again.headers["vary"] == "accept-encoding"
    assert again.headers["cache-control"] == "no-cache"


async def test_each_encoding_has_its_own_etag() -> None:
    app = listing(Stacks())
    plain = await ask(app, "GET", PATH)
    assert plain.headers["etag"].startswith('"')
    zipped = await ask(app, "GET", PATH, headers=GZIP | {"if-none-match": plain.headers["etag"]})
    assert zipped.status == 200
    assert zipped.headers["etag"] != plain.headers["etag"]
    assert zipped.headers["content-encoding"] == "gzip"
    assert zipped.headers["vary"] == "accept-encoding"
    assert gzip.decompress(zipped.body) == plain.body
    assert "content-encoding" not in plain.headers


@pytest.mark.parametrize(
    ("shape", "status"),
    [("{}", 304), ("W/{}", 304), ('"other", {}', 304), ("*", 304), ('"other"', 200), ("", 200)],
)
async def test_if_none_match_is_a_list(shape: str, status: int) -> None:
    app = listing(Stacks())
    etag = (await ask(app, "GET", PATH)).headers["etag"]
    answer = await ask(app, "GET", PATH, headers={"if-none-match": shape.format(etag)})
    assert answer.status == status


async def test_a_client_that_unpacks_gets_the_same_document() -> None:
    async with serving(listing(Stacks(names=["blog"] * 100))) as served:
        async with served.client.get(PATH) as response:
            assert response.headers["content-encoding"] == "gzip"
            assert await response.json() == ["blog"] * 100
        headers = {"accept-encoding": "identity", "if-none-match": '"other"'}
        async with served.client.get(PATH, headers=headers) as response:
            assert await response.json() == ["blog"] * 100


@pytest.mark.parametrize(
    ("accept_encoding", "accepted"),
    [
        (None, False),
        ("", False),
        ("gzip", True),
        ("GZIP", True),
        ("deflate, gzip;q=0.5", True),
        ("br;q=1.0, gzip ; q=0.8, *;q=0.1", True),
        ("gzip;q=0", False),
        ("gzip;q=0.000, *", False),
        ("*", True),
        ("*;q=0", False),
        ("identity", False),
        ("x-gzip2", False),
        ("gzip;q=many", False),
    ],
)
def test_gzip_is_sent_to_those_who_take_it(accept_encoding: str | None, accepted: bool) -> None:
    assert accepts_gzip(accept_encoding) is accepted
