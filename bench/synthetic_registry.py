"""
A registry in memory that answers as fast as one core allows, and counts the requests.

`python -m bench.synthetic_registry --images 100 --tags 200 --latency 20` serves until it is interrupted.
The bench's own requests: `GET /__stats`, `GET /__truth`, `POST /__reset`, `POST /__expire` (every token),
`POST /__move?repository=NAME` (once or more; publishes the next release of each), `POST /__rebuild`
(the same; builds the newest release of each again), `GET /__references` (the versions of the channels).
"""

import argparse
import asyncio
import base64
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from urllib.parse import parse_qs, unquote

import orjson

from bench.catalogue import repositories
from bench.child import add_child_flags, serve_as_child
from bench.limits import FailureRate, PullQuota, RateBucket
from bench.references import flavoured
from bench.registry_options import (
    BASIC_PASSWORD,
    BASIC_USER,
    Auth,
    Behaviour,
    Stock,
    TagList,
    add_flags,
    read_flags,
)
from bench.resources import Question, Resources, error, json_answer, question
from bench.shelf import Assortment, Shelf
from bench.tokens import ScopeRefused, Tokens
from bench.traffic import Kind, Traffic
from bench.truth import ReferenceTruth, references_of, truth_of
from bench.wire import Answer, Connection, Link, Request

_CHANGES = {"/__move": Shelf.publish, "/__rebuild": Shelf.rebuild}
_BASIC = "Basic " + base64.b64encode(f"{BASIC_USER}:{BASIC_PASSWORD}".encode()).decode()


class SyntheticRegistry:
    """`now` is the clock for the lifetime of tokens and for rate limits."""

    def __init__(self, stock: Stock, behaviour: Behaviour, now: Callable[[], float] = time.time) -> None:
        self._behaviour = behaviour
        self.traffic = Traffic()
        self.link = Link(behaviour.latency, behaviour.jitter, behaviour.handshake_rtts, stock.seed)
        self.shelves = {
            repository.name: Shelf(stock.seed, repository)
            for repository in repositories(stock.images, stock.tags, stock.single_platform)
        }
        self._flavoured = {each.name: each for each in flavoured()}
        self._assortments = {name: Assortment.of(stock.seed, each) for name, each in self._flavoured.items()}
        self._quota = None if behaviour.get_quota is None else PullQuota(behaviour.get_quota)
        self._bucket = None if behaviour.rate is None else RateBucket(behaviour.rate, now)
        self._failures = FailureRate(behaviour.fail_rate)
        self._tokens = Tokens(behaviour.expires_in, behaviour.max_scopes, behaviour.excess_scopes, now)
        self._resources = Resources(
            self._assortments | self.shelves, behaviour.page, self._quota, behaviour.tag_list
        )
        self._realm = "/v2/token" if behaviour.tag_list is TagList.GOOGLE else "/token"

    def answer(self, request: Request) -> Answer:
        if request.target.startswith("/__"):
            return self._control(request)
        asked = question(request)
        refusal = self._overload(request, asked) or self._unauthorized(request, asked)
        if refusal is not None:
            return refusal
        if asked.kind is Kind.TOKEN:
            return self._token(request)
        return self._resources.answer(request, asked)

    def _overload(self, request: Request, asked: Question) -> Answer | None:
        if len(request.target) > self._behaviour.max_url:
            return error(asked.kind, 414, "UNSUPPORTED", "the request URI is too long")
        if len(request.headers.get("authorization", "")) > self._behaviour.max_auth_header:
            return error(asked.kind, 431, "UNSUPPORTED", "the authorization header is too long")
        if self._bucket is not None and not self._bucket.take():
            retry = b"retry-after: %d\r\n" % self._bucket.retry_after_seconds
            return error(asked.kind, 429, "TOOMANYREQUESTS", "too many requests", retry)
        if self._failures.hits():
            return error(asked.kind, 503, "UNAVAILABLE", "try again")
        return None

    def _unauthorized(self, request: Request, asked: Question) -> Answer | None:
        authorization = request.headers.get("authorization", "")
        match self._behaviour.auth:
            case Auth.BASIC if authorization != _BASIC:
                return _challenge(asked, 'Basic realm="bench"')
            case Auth.BEARER if asked.kind is not Kind.TOKEN:
                return self._bearer_challenge(request, asked, authorization)
        return None

    def _bearer_challenge(self, request: Request, asked: Question, authorization: str) -> Answer | None:
        scheme, _, token = authorization.partition(" ")
        fault = None
        if scheme.lower() == "bearer":
            fault = self._tokens.fault(token, asked.repository)
            if fault is None:
                return None
        host = request.headers.get("host", "localhost")
        scope = f',scope="repository:{asked.repository}:pull"' if asked.repository else ""
        reason = f',error="{fault}"' if fault else ""
        return _challenge(asked, f'Bearer realm="http://{host}{self._realm}",service="{host}"{scope}{reason}')

    def _token(self, request: Request) -> Answer:
        try:
            body = self._tokens.issue(parse_qs(request.query).get("scope", []))
        except ScopeRefused as refused:
            return error(Kind.TOKEN, 400, "DENIED", str(refused))
        return Answer(200, b"content-type: application/json\r\n", body, Kind.TOKEN)

    def _control(self, request: Request) -> Answer:
        match request.method, request.path:
            case "GET", "/__stats":
                return json_answer(orjson.dumps(self.traffic.report(), option=orjson.OPT_NON_STR_KEYS))
            case "GET", "/__truth":
                return json_answer(orjson.dumps([truth_of(shelf) for shelf in self.shelves.values()]))
            case "GET", "/__references":
                return json_answer(orjson.dumps(self._references()))
            case "POST", "/__reset":
                self._reset()
            case "POST", "/__expire":
                self._tokens.expire_all()
            case "POST", path if path in _CHANGES:
                return self._change(request, _CHANGES[path])
            case _:
                return Answer(404)
        return Answer(204)

    def _reset(self) -> None:
        """Clears the counts, the quota and the rate limit. Tokens and releases stay as they are."""
        self.traffic.reset()
        self._failures.restart()
        if self._quota is not None:
            self._quota.refill()
        if self._bucket is not None:
            self._bucket.refill()

    def _references(self) -> list[ReferenceTruth]:
        return [
            truth
            for name, each in self._flavoured.items()
            for truth in references_of(each, self._assortments[name])
        ]

    def _change(self, request: Request, change: Callable[[Shelf], None]) -> Answer:
        names = [unquote(name) for name in parse_qs(request.query).get("repository", [])]
        if not names or not all(name in self.shelves for name in names):
            return Answer(404)
        for name in names:
            change(self.shelves[name])
        return Answer(204)


def _challenge(asked: Question, challenge: str) -> Answer:
    header = f"www-authenticate: {challenge}\r\n".encode()
    return error(asked.kind, 401, "UNAUTHORIZED", "authentication required", header)


@asynccontextmanager
async def serving(registry: SyntheticRegistry, port: int = 0) -> AsyncIterator[str]:
    """Listens on loopback while the block runs. Gives `127.0.0.1:port`."""
    server = await asyncio.get_running_loop().create_server(
        lambda: Connection(registry, registry.link, registry.traffic), "127.0.0.1", port, backlog=1024
    )
    async with server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"


def main() -> None:
    parser = argparse.ArgumentParser(description="A synthetic registry.", allow_abbrev=False)
    parser.add_argument("--http", type=int, default=5055, help="the port; 0 chooses a free one")
    add_flags(parser, Stock())
    add_flags(parser, Behaviour())
    add_child_flags(parser)
    parsed = parser.parse_args()
    registry = SyntheticRegistry(read_flags(parsed, Stock), read_flags(parsed, Behaviour))
    serve_as_child(lambda: serving(registry, parsed.http), parsed)


if __name__ == "__main__":
    main()
