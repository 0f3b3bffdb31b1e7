"""The fast lane may only say what the route would say."""

from collections.abc import Mapping
from typing import Literal

import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Scope

from dockrev.config import AuthConfig
from dockrev.web.application import create_web_app
from dockrev.web.body import ApiRouter
from dockrev.web.lane import Lane
from dockrev.web.rendered import Prepared, RenderedCache
from tests.web.asgi import Answer, ask

PATH = "/api/stacks"
IVAN = {"x-forwarded-user": "ivan"}
AUTH = AuthConfig(allowed_user="ivan")


class Listing:
    """A list route with or without a lane; counts what reaches the route."""

    def __init__(self, *, with_lane: bool = True) -> None:
        self.version = 1
        self.routed = 0
        self._cache = RenderedCache()
        self.app = self._assembled({PATH: self._lane} if with_lane else {})

    def _lane(self, scope: Scope) -> Prepared | None:
        return None if scope["query_string"] else self._cache.ready(scope, self.version, "exclude")

    def _assembled(self, lanes: Mapping[str, Lane]) -> ASGIApp:
        router = ApiRouter(lanes=lanes)

        @router.get(PATH)
        async def stacks(request: Request, archived: Literal["exclude", "only"] = "exclude") -> Response:
            self.routed += 1
            return await self._cache.respond(request, self.version, archived, self._render)

        return create_web_app([router], AUTH, "1.2.3")

    async def _render(self) -> bytes:
        return b'{"stacks":[]}' + b" " * self.version


def shown(answer: Answer) -> tuple[int, dict[str, str], bytes]:
    """All that a client sees, but for the id that differs for each request."""
    return answer.status, {**answer.headers, "x-request-id": "-"}, answer.body


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"accept-encoding": "gzip, br"},
        {"if-none-match": "*"},
        {"accept-encoding": "gzip", "if-none-match": '"old", *'},
        {"if-none-match": '"old"'},
        {"x-request-id": "abc"},
    ],
    ids=str,
)
async def test_it_says_what_the_route_says(headers: dict[str, str]) -> None:
    fast, whole = Listing(), Listing(with_lane=False)
    for listing in (fast, whole):
        await ask(listing.app, "GET", PATH, headers=IVAN)
    answers = [await ask(listing.app, "GET", PATH, headers=IVAN | headers) for listing in (fast, whole)]
    assert shown(answers[0]) == shown(answers[1])
    assert len(answers[0].headers["x-request-id"]) == len(answers[1].headers["x-request-id"])
    assert (fast.routed, whole.routed) == (1, 2)


async def test_a_new_version_takes_the_whole_way_once() -> None:
    listing = Listing()
    for version in (1, 1, 2, 2, 2):
        listing.version = version
        answer = await ask(listing.app, "GET", PATH, headers=IVAN)
        assert answer.body.endswith(b"}" + b" " * version)
    assert listing.routed == 2


@pytest.mark.parametrize(
    ("method", "target", "status"),
    [
        ("HEAD", PATH, 200),
        ("POST", PATH, 405),
        ("GET", f"{PATH}?archived=exclude", 200),
        ("GET", f"{PATH}?archived=maybe", 400),
        ("GET", f"{PATH}?x=%00", 400),
        ("GET", f"{PATH}/", 404),
    ],
)
async def test_whatever_is_unusual_takes_the_whole_way(method: str, target: str, status: int) -> None:
    listing = Listing()
    await ask(listing.app, "GET", PATH, headers=IVAN)
    assert (await ask(listing.app, method, target, headers=IVAN)).status == status


@pytest.mark.parametrize("headers", [{}, {"x-forwarded-user": "bob"}], ids=["nobody", "somebody else"])
async def test_a_stranger_gets_401_even_when_the_answer_lies_ready(headers: dict[str, str]) -> None:
    listing = Listing()
    await ask(listing.app, "GET", PATH, headers=IVAN)
    answer = await ask(listing.app, "GET", PATH, headers=headers)
    assert (answer.status, answer.json()["error"]["code"]) == (401, "auth_required")
