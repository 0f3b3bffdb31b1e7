import gzip
import json
from dataclasses import dataclass, field

import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp
from structlog.testing import capture_logs

from dockrev.config.shared import AuthConfig
from dockrev.errors import StorageError
from dockrev.web.access import Access
from dockrev.web.application import create_web_app
from dockrev.web.etag import caching, etag_of, not_modified
from dockrev.web.router import ApiRouter
from tests.web.asgi import ask
from tests.web.serving import serving

PATH = "/api/stacks"
GZIP = {"accept-encoding": "gzip"}


@dataclass(slots=True)
class Stacks:
    """A list with a revision. `reads` counts how often the list was read."""

    names: list[str] = field(default_factory=lambda: ["blog"] * 1000)
    revision: int = 1
    reads: int = 0
    down: bool = False

    def read(self) -> bytes:
        self.reads += 1
        if self.down:
            raise StorageError("the disk is full")
        return json.dumps(self.names).encode()


def listing(stacks: Stacks) -> ASGIApp:
    router = ApiRouter(access=Access.IDENTITY)

    @router.get(PATH)
    async def stack_list(request: Request, archived: str = "exclude") -> Response:
        etag = etag_of(stacks.revision, archived)
        return not_modified(request, etag) or Response(
            stacks.read(), media_type="application/json", headers=caching(etag)
        )

    return create_web_app([router], AuthConfig(allowed_user="ivan"), "1.2.3")


IVAN = {"x-forwarded-user": "ivan"}


async def test_a_client_with_the_current_list_gets_304_and_nothing_is_read() -> None:
    stacks = Stacks()
    app = listing(stacks)
    first = await ask(app, "GET", PATH, headers=IVAN)
    again = await ask(app, "GET", PATH, headers=IVAN | {"if-none-match": first.headers["etag"]})
    assert (again.status, again.body, stacks.reads) == (304, b"", 1)
    assert again.headers["etag"] == first.headers["etag"]
    assert again.headers["vary"] == "accept-encoding"
    assert first.headers["cache-control"] == again.headers["cache-control"] == "no-cache"


async def test_a_new_revision_is_sent_in_full() -> None:
    stacks = Stacks()
    app = listing(stacks)
    first = await ask(app, "GET", PATH, headers=IVAN)
    stacks.names, stacks.revision = ["blog", "shop"], 2
    second = await ask(app, "GET", PATH, headers=IVAN | {"if-none-match": first.headers["etag"]})
    assert (second.status, second.json()) == (200, ["blog", "shop"])
    assert second.headers["etag"] != first.headers["etag"]


async def test_each_view_has_its_own_etag() -> None:
    app = listing(Stacks())
    first = await ask(app, "GET", PATH, headers=IVAN)
    headers = IVAN | {"if-none-match": first.headers["etag"]}
    assert (await ask(app, "GET", f"{PATH}?archived=only", headers=headers)).status == 200


@pytest.mark.parametrize(
    ("shape", "status"),
    [
        ("{}", 304),
        ("W/{}", 304),
        ('"other", {}', 304),
        ('"other" , W/{}', 304),
        ("*", 304),
        ('"other"', 200),
        ("", 200),
    ],
)
async def test_if_none_match_is_a_list_and_compares_weakly(shape: str, status: int) -> None:
    app = listing(Stacks())
    etag = (await ask(app, "GET", PATH, headers=IVAN)).headers["etag"].removeprefix("W/")
    answer = await ask(app, "GET", PATH, headers=IVAN | {"if-none-match": shape.format(etag)})
    assert answer.status == status


async def test_head_answers_with_the_etag_and_with_304_too() -> None:
    app = listing(Stacks())
    head = await ask(app, "HEAD", PATH, headers=IVAN)
    assert head.status == 200
    headers = IVAN | {"if-none-match": head.headers["etag"]}
    assert (await ask(app, "HEAD", PATH, headers=headers)).status == 304


async def test_a_failed_read_is_not_cached() -> None:
    stacks = Stacks(down=True)
    app = listing(stacks)
    assert (await ask(app, "GET", PATH, headers=IVAN)).status == 503
    stacks.down = False
    assert (await ask(app, "GET", PATH, headers=IVAN)).status == 200


async def test_a_caller_without_identity_gets_401_even_with_the_current_etag() -> None:
    app = listing(Stacks())
    etag = (await ask(app, "GET", PATH, headers=IVAN)).headers["etag"]
    assert (await ask(app, "GET", PATH, headers={"if-none-match": etag})).status == 401


async def test_the_compressed_list_has_the_same_etag_and_the_same_content() -> None:
    app = listing(Stacks())
    plain = await ask(app, "GET", PATH, headers=IVAN)
    zipped = await ask(app, "GET", PATH, headers=IVAN | GZIP)
    assert zipped.headers["content-encoding"] == "gzip"
    assert gzip.decompress(zipped.body) == plain.body
    assert zipped.headers["etag"] == plain.headers["etag"]
    assert "accept-encoding" in zipped.headers["vary"].lower()
    assert "accept-encoding" in plain.headers["vary"].lower()
    assert "content-encoding" not in plain.headers


async def test_a_real_client_reads_the_compressed_answer() -> None:
    async with serving(listing(Stacks())) as served, served.client.get(PATH, headers=IVAN) as response:
        assert response.headers["content-encoding"] == "gzip"
        assert await response.json() == ["blog"] * 1000


async def test_every_answer_of_the_list_is_logged() -> None:
    app = listing(Stacks())
    with capture_logs() as lines:
        etag = (await ask(app, "GET", PATH, headers=IVAN)).headers["etag"]
        await ask(app, "GET", PATH, headers=IVAN | {"if-none-match": etag})
        await ask(app, "GET", PATH)
    statuses = [line["status"] for line in lines if line.get("action") == "http.request"]
    assert statuses == [200, 304, 401]
