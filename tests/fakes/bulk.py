"""What fake bulk APIs on loopback share: pushed tags, pages, logins, and faults."""

import asyncio
import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Self

from aiohttp import web

from dockrev.oci.digest import Digest

HTML = "<html><body>Please log in to the hotel network</body></html>"

_FIRST_PUSH = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Pushed:
    tag: str
    digest: Digest
    at: datetime
    children: tuple[tuple[str, Digest], ...]
    """Architectures and digests. Empty for a single-platform image."""


@dataclass
class BulkFaults:
    down: bool = False
    slow_seconds: float = 0.0
    status: int | None = None
    headers: tuple[tuple[str, str], ...] = ()
    """Sent with every answer."""
    text: str | None = None
    """Sent instead of every body."""


class FakeBulk:
    """`requests` lists `METHOD raw-path?query`, `authorizations` the Authorization header of each request.

    Subclasses implement `answer`. A subclass that is a registry too sets `realm` and `service`: it sends a
    challenge at `/v2/`, and its realm grants tokens to everybody, or only to `login`.
    """

    largest_page = 100
    realm: str | None = None
    service = ""

    def __init__(self, *, login: str | None = None) -> None:
        self.login = login
        """The only Authorization that is accepted. None: everybody is accepted."""
        self.faults = BulkFaults()
        self.requests: list[str] = []
        self.authorizations: list[str | None] = []
        self.repositories: dict[str, list[Pushed]] = {}
        self._numbers = itertools.count()
        self._runner: web.AppRunner | None = None
        self.port = 0

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, shutdown_timeout=0.2, access_log=None, handler_cancellation=True)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *exc: object) -> None:
        if self._runner:
            await self._runner.cleanup()

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"http://{self.host}"

    @property
    def listings(self) -> list[str]:
        """The requests that were neither a challenge nor a login."""
        realm = f"GET {self.realm}?"
        return [line for line in self.requests if line != "GET /v2/" and not line.startswith(realm)]

    def push(self, repository: str, tag: str, architectures: Sequence[str] = ("amd64", "arm64")) -> Digest:
        """Pushes an image, a minute later than the previous push. An existing tag moves."""
        number = next(self._numbers)
        name = f"{repository}:{tag}#{number}"
        children = tuple((each, Digest.of(f"{name} {each}".encode())) for each in architectures)
        pushed = Pushed(tag, Digest.of(name.encode()), _FIRST_PUSH + timedelta(minutes=number), children)
        others = [one for one in self.repositories.get(repository, []) if one.tag != tag]
        self.repositories[repository] = [*others, pushed]
        return pushed.digest

    def tag(self, repository: str, tag: str, of: str, *, later: bool = False) -> None:
        """Adds a tag for the image of the tag `of`, at its time or `later` than everything else."""
        rows = self.repositories[repository]
        others = [one for one in rows if one.tag != tag]
        named = next(replace(one, tag=tag) for one in rows if one.tag == of)
        if later:
            named = replace(named, at=_FIRST_PUSH + timedelta(minutes=next(self._numbers)))
        self.repositories[repository] = [*others, named]

    def newest_first(self, repository: str) -> list[Pushed]:
        return sorted(self.repositories[repository], key=lambda one: one.at, reverse=True)

    def forget_requests(self) -> None:
        self.requests.clear()
        self.authorizations.clear()

    def answer(self, request: web.Request) -> web.Response:
        raise NotImplementedError

    def numbered_page(
        self, request: web.Request, rows: Sequence[Pushed], size: str
    ) -> tuple[list[Pushed], bool]:
        """The page that the parameters `page` and `size` select, and whether there are more pages."""
        length = min(int(request.query.get(size, 10)), self.largest_page)
        start = (int(request.query.get("page", 1)) - 1) * length
        return list(rows[start : start + length]), start + length < len(rows)

    async def _handle(self, request: web.Request) -> web.Response:
        self.requests.append(f"{request.method} {request.rel_url.raw_path_qs}")
        self.authorizations.append(request.headers.get("Authorization"))
        await asyncio.sleep(self.faults.slow_seconds)
        response = self._response(request)
        response.headers.extend(self.faults.headers)
        return response

    def _response(self, request: web.Request) -> web.Response:
        if self.faults.down:
            assert request.transport is not None
            request.transport.abort()
        if self.faults.status is not None:
            return web.Response(status=self.faults.status, text=self.faults.text or "{}")
        if self.faults.text is not None:
            return web.Response(text=self.faults.text, content_type="application/json")
        if self.realm and request.path == self.realm:
            return self._token(request)
        if self.realm and request.path == "/v2/":
            return self.challenge()
        try:
            return self.answer(request)
        except KeyError:
            return web.json_response({"errors": [{"code": "NAME_UNKNOWN"}]}, status=404)

    def tag_list(self, request: web.Request, repository: str) -> web.Response:
        """The tag list of the distribution API, for clients with a pull token."""
        if not self.granted(request, repository):
            return self.challenge()
        names = sorted(row.tag for row in self.repositories[repository])
        return web.json_response({"name": repository, "tags": names})

    def challenge(self) -> web.Response:
        bearer = f'Bearer realm="{self.url}{self.realm}",service="{self.service or self.host}"'
        return web.Response(status=401, headers={"WWW-Authenticate": bearer})

    def _token(self, request: web.Request) -> web.Response:
        if self.login and request.headers.get("Authorization") != self.login:
            return web.Response(status=401)
        return web.json_response({"token": request.query["scope"]})

    def granted(self, request: web.Request, repository: str) -> bool:
        return request.headers.get("Authorization") == f"Bearer repository:{repository}:pull"


def rfc3339(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
