"""
A read-only Docker engine: containers, images and events over a unix socket. It counts each call.

`python -m bench.fake_engine --socket PATH --installation FILE` serves until it is interrupted.
The bench's own requests: `GET /__stats`, `POST /__reset`, `POST /__emit?container=NAME&action=die`.
"""

import argparse
import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import orjson
from aiohttp import web

from bench.child import add_child_flags, serve_as_child
from bench.engine_state import EFFECTS, Container, EngineState
from bench.installation import FORMAT, Installation

OLDEST_API, NEWEST_API = (1, 24), (1, 47)
ENGINE_VERSION = "27.5.1"

_API_VERSION = f"{NEWEST_API[0]}.{NEWEST_API[1]}"
_HEADERS = {"Api-Version": _API_VERSION, "Ostype": "linux", "Server": f"Docker/{ENGINE_VERSION} (linux)"}

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class FakeEngine:
    def __init__(self, installation: Installation) -> None:
        self.state = EngineState(installation)
        self.calls: Counter[str] = Counter()
        self._listeners: set[asyncio.Queue[bytes | None]] = set()

    def application(self) -> web.Application:
        application = web.Application(middlewares=[_plain_errors])
        for method, path, handler, counted in self._routes():
            called = self._counted(f"{method} {path}", handler) if counted else handler
            application.router.add_route(method, path, called)
            application.router.add_route(method, "/v{major:\\d+}.{minor:\\d+}" + path, called)
        application.on_shutdown.append(self._end_events)
        return application

    def _routes(self) -> list[tuple[str, str, Handler, bool]]:
        return [
            ("GET", "/_ping", self._ping, True),
            ("HEAD", "/_ping", self._ping, True),
            ("GET", "/version", self._version, True),
            ("GET", "/info", self._info, True),
            ("GET", "/containers/json", self._containers, True),
            ("GET", "/containers/{name}/json", self._container, True),
            ("GET", "/images/json", self._images, True),
            ("GET", "/images/{name:.+}/json", self._image, True),
            ("GET", "/events", self._events, True),
            ("GET", "/services", _no_swarm, True),
            ("GET", "/nodes", _no_swarm, True),
            ("GET", "/tasks", _no_swarm, True),
            ("GET", "/__stats", self._stats, False),
            ("POST", "/__reset", self._reset, False),
            ("POST", "/__emit", self._emit, False),
        ]

    def _counted(self, name: str, handler: Handler) -> Handler:
        async def called(request: web.Request) -> web.StreamResponse:
            self.calls[name] += 1
            _refuse_unknown_version(request)
            return await handler(request)

        return called

    async def _ping(self, _request: web.Request) -> web.Response:
        return web.Response(text="OK", headers=_HEADERS)

    async def _version(self, _request: web.Request) -> web.Response:
        return _json(
            {
                "Version": ENGINE_VERSION,
                "ApiVersion": _API_VERSION,
                "MinAPIVersion": f"{OLDEST_API[0]}.{OLDEST_API[1]}",
                "Os": "linux",
                "Arch": "amd64",
                "KernelVersion": "6.1.0",
                "GitCommit": "synthetic",
                "GoVersion": "go1.22.10",
            }
        )

    async def _info(self, _request: web.Request) -> web.Response:
        states = Counter(container.state for container in self.state.containers)
        return _json(
            {
                "ID": "bench",
                "Name": "bench",
                "ServerVersion": ENGINE_VERSION,
                "OSType": "linux",
                "Architecture": "x86_64",
                "OperatingSystem": "Synthetic",
                "Containers": len(self.state.containers),
                "ContainersRunning": states["running"],
                "ContainersPaused": states["paused"],
                "ContainersStopped": states["exited"],
                "Images": len(self.state.images()),
                "Swarm": {"LocalNodeState": "inactive"},
            }
        )

    async def _containers(self, request: web.Request) -> web.Response:
        everything = request.query.get("all", "0").lower() in ("1", "true")
        selected = self.state.selected(_filters(request), everything=everything)
        return _json([container.listed() for container in selected])

    async def _container(self, request: web.Request) -> web.Response:
        container = self.state.container(request.match_info["name"])
        if container is None:
            return _message(404, f"No such container: {request.match_info['name']}")
        return _json(container.inspected())

    async def _images(self, _request: web.Request) -> web.Response:
        return _json(self.state.images())

    async def _image(self, request: web.Request) -> web.Response:
        image = self.state.image(request.match_info["name"])
        return (
            _message(404, f"No such image: {request.match_info['name']}") if image is None else _json(image)
        )

    async def _events(self, request: web.Request) -> web.StreamResponse:
        """Keeps the stream open until the client leaves or the engine stops."""
        queue: asyncio.Queue[bytes | None] = asyncio.Queue()
        response = web.StreamResponse(headers={**_HEADERS, "Content-Type": "application/json"})
        response.enable_chunked_encoding()
        await response.prepare(request)
        self._listeners.add(queue)
        try:
            while (event := await queue.get()) is not None:
                await response.write(event)
        finally:
            self._listeners.discard(queue)
        return response

    async def _stats(self, _request: web.Request) -> web.Response:
        return _json({"calls": dict(self.calls), "listeners": len(self._listeners)})

    async def _reset(self, _request: web.Request) -> web.Response:
        self.calls.clear()
        return web.Response(status=204)

    async def _emit(self, request: web.Request) -> web.Response:
        container = self.state.container(request.query.get("container", ""))
        action = request.query.get("action", "")
        effect = EFFECTS.get(action)
        if container is None or effect is None:
            return _message(404, "no such container or action")
        container.state, container.status = effect.state, effect.status
        event = orjson.dumps(_event(container, action)) + b"\n"
        for queue in self._listeners:
            queue.put_nowait(event)
        return web.Response(status=204)

    async def _end_events(self, _application: web.Application) -> None:
        for queue in self._listeners:
            queue.put_nowait(None)


async def _no_swarm(_request: web.Request) -> web.Response:
    return _message(503, "This node is not a swarm manager.")


@web.middleware
async def _plain_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answers errors in the engine's JSON form instead of aiohttp's text."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        return _message(error.status, error.reason)


def _refuse_unknown_version(request: web.Request) -> None:
    if "major" not in request.match_info:
        return
    asked = int(request.match_info["major"]), int(request.match_info["minor"])
    if not OLDEST_API <= asked <= NEWEST_API:
        raise web.HTTPBadRequest(reason=f"client version {asked[0]}.{asked[1]} is not supported")


def _filters(request: web.Request) -> Mapping[str, list[str]]:
    """Parses both forms of filters: a list of values or, before API 1.22, a map with the values as keys."""
    try:
        parsed = orjson.loads(request.query.get("filters") or "{}")
        return {name: list(values) for name, values in parsed.items()}
    except (orjson.JSONDecodeError, AttributeError, TypeError) as error:
        raise web.HTTPBadRequest(reason="invalid filters") from error


def _event(container: Container, action: str) -> Mapping[str, object]:
    moment = time.time_ns()
    attributes = {
        **container.labels,
        "image": container.service.image.reference,
        "name": container.service.container_name,
    }
    return {
        "status": action,
        "id": container.id,
        "from": container.service.image.reference,
        "Type": "container",
        "Action": action,
        "Actor": {"ID": container.id, "Attributes": attributes},
        "scope": "local",
        "time": moment // 1_000_000_000,
        "timeNano": moment,
    }


def _json(content: object) -> web.Response:
    return web.Response(body=orjson.dumps(content), content_type="application/json", headers=_HEADERS)


def _message(status: int, text: str) -> web.Response:
    return web.json_response({"message": text}, status=status, headers=_HEADERS)


@asynccontextmanager
async def serving(engine: FakeEngine, socket: Path) -> AsyncIterator[str]:
    """Listens on the unix socket while the block runs. Gives the address for DOCKER_HOST."""
    runner = web.AppRunner(engine.application(), access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.UnixSite(runner, str(socket)).start()
        yield f"unix://{socket}"
    finally:
        await runner.cleanup()


def main() -> None:
    parser = argparse.ArgumentParser(description="A fake Docker engine.", allow_abbrev=False)
    parser.add_argument("--socket", type=Path, required=True)
    parser.add_argument("--installation", type=Path, required=True, help="what `bench.installation` wrote")
    add_child_flags(parser)
    parsed = parser.parse_args()
    installation = FORMAT.validate_json(parsed.installation.read_bytes())
    serve_as_child(lambda: serving(FakeEngine(installation), parsed.socket), parsed)


if __name__ == "__main__":
    main()
