"""A Docker engine in memory on a unix socket. It has containers, images and events, and counts calls."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Self

from aiohttp import web

from dockrev.config.shared import DockerConfig

PROJECT = "com.docker.compose.project"
SERVICE = "com.docker.compose.service"
NUMBER = "com.docker.compose.container-number"
ONEOFF = "com.docker.compose.oneoff"


@dataclass
class FakeImage:
    id: str
    tags: tuple[str, ...] = ()
    repo_digests: tuple[str, ...] = ()
    """References such as `nginx@sha256:...`, as an engine writes them."""
    labels: Mapping[str, str] | None = None

    def listed(self) -> dict[str, object]:
        return {
            "Id": self.id,
            "RepoTags": list(self.tags) or None,
            "RepoDigests": list(self.repo_digests) or None,
            "Labels": self.labels,
            "Created": 1_700_000_000,
            "Size": 1,
        }


@dataclass
class FakeContainer:
    """`status` is a text that includes the health, as engines write it: `Up 3 seconds (healthy)`."""

    id: str
    image: str
    image_id: str
    project: str | None = None
    service: str | None = None
    number: int = 1
    oneoff: bool = False
    state: str = "running"
    status: str = "Up 3 seconds"
    labels: Mapping[str, str] = field(default_factory=dict)
    """Additional labels. They override the labels that follow from the fields above."""
    created: int = 1_700_000_000

    @property
    def name(self) -> str:
        return f"{self.project}-{self.service}-{self.number}" if self.project else self.id[:12]

    def all_labels(self) -> dict[str, str]:
        labels = {NUMBER: str(self.number), ONEOFF: str(self.oneoff)} if self.project else {}
        if self.project is not None:
            labels[PROJECT] = self.project
        if self.service is not None:
            labels[SERVICE] = self.service
        return labels | dict(self.labels)

    def listed(self) -> dict[str, object]:
        return {
            "Id": self.id,
            "Names": [f"/{self.name}"],
            "Image": self.image,
            "ImageID": self.image_id,
            "Created": self.created,
            "State": self.state,
            "Status": self.status,
            "Labels": self.all_labels(),
        }


Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class FakeEngine:
    """A test sets `containers` and `images`. `calls` counts the requests, without the version prefix."""

    def __init__(self, socket: Path) -> None:
        self.socket = socket
        self.containers: list[FakeContainer] = []
        self.images: list[FakeImage] = []
        self.calls: list[str] = []
        self.paths: list[str] = []
        """The paths of the requests, with the version prefix."""
        self.version: dict[str, object] = {
            "Version": "20.10.24",
            "ApiVersion": "1.41",
            "MinAPIVersion": "1.12",
            "Os": "linux",
            "Arch": "amd64",
            "Platform": {"Name": "Docker Engine - Community"},
        }
        self.machine = "x86_64"
        self.failure: tuple[int, str] | None = None
        self.hanging = False
        self.handlers: dict[str, Handler] = {}
        """The answers of a test by `METHOD /path`. They override all others."""
        self._subscribers: dict[asyncio.Queue[bytes | None], dict[str, list[str]]] = {}
        self._changed = asyncio.Condition()
        self._runner: web.AppRunner | None = None

    @classmethod
    @asynccontextmanager
    async def running(cls) -> AsyncIterator[Self]:
        # The path of a unix socket is limited to 107 bytes, and a test's own directory may be longer.
        with TemporaryDirectory(prefix="engine") as directory:
            engine = cls(Path(directory) / "docker.sock")
            await engine.start()
            try:
                yield engine
            finally:
                await engine.stop()

    @property
    def config(self) -> DockerConfig:
        return DockerConfig(host=f"unix://{self.socket}")

    async def start(self) -> None:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.UnixSite(self._runner, str(self.socket)).start()

    async def stop(self) -> None:
        """Ends the streams of events and leaves no socket behind, as `systemctl stop docker` does."""
        for queue in self._subscribers:
            queue.put_nowait(None)
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
        self.socket.unlink(missing_ok=True)

    def emit(self, action: str, container: FakeContainer) -> None:
        """Sends an event to its subscribers. `action` is the engine's text: `health_status: healthy`."""
        moment = time.time_ns()
        attributes = {**container.all_labels(), "image": container.image, "name": container.name}
        message = {
            "status": action,
            "id": container.id,
            "Type": "container",
            "Action": action,
            "Actor": {"ID": container.id, "Attributes": attributes},
            "time": moment // 10**9,
            "timeNano": moment,
        }
        line = json.dumps(message).encode() + b"\n"
        for queue, filters in self._subscribers.items():
            if _wanted(filters, "container", action, attributes):
                queue.put_nowait(line)

    def emit_bytes(self, content: bytes) -> None:
        for queue in self._subscribers:
            queue.put_nowait(content)

    async def subscribed(self, count: int = 1) -> None:
        """Waits until this many clients listen to events."""
        async with self._changed:
            await self._changed.wait_for(lambda: len(self._subscribers) >= count)

    async def deserted(self) -> None:
        """Waits until no client listens to events any more."""
        async with self._changed:
            await self._changed.wait_for(lambda: not self._subscribers)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.paths.append(request.path)
        name = _unversioned(request.path)
        self.calls.append(f"{request.method} {name}")
        if self.hanging:
            await asyncio.Event().wait()
        if self.failure is not None:
            status, message = self.failure
            return web.json_response({"message": message}, status=status)
        if handler := self.handlers.get(f"{request.method} {name}"):
            return await handler(request)
        if name == "/events":
            return await self._stream_events(request)
        answers: dict[str, Callable[[], object]] = {
            "/version": lambda: self.version,
            "/info": lambda: {"Architecture": self.machine, "Name": "host"},
            "/containers/json": lambda: self._listed_containers(request),
            "/images/json": lambda: [image.listed() for image in self.images],
        }
        if name not in answers:
            return web.json_response({"message": "page not found"}, status=404)
        return web.json_response(answers[name]())

    def _listed_containers(self, request: web.Request) -> list[dict[str, object]]:
        everything = request.query.get("all") in ("1", "true")
        labels = _filters(request).get("label", [])
        return [
            container.listed()
            for container in self.containers
            if (everything or container.state == "running")
            and all(_labelled(container.all_labels(), label) for label in labels)
        ]

    async def _stream_events(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        queue: asyncio.Queue[bytes | None] = asyncio.Queue()
        await self._set_subscriber(queue, _filters(request))
        try:
            while (line := await queue.get()) is not None:
                await response.write(line)
        finally:
            await self._set_subscriber(queue, None)
        return response

    async def _set_subscriber(
        self, queue: asyncio.Queue[bytes | None], filters: dict[str, list[str]] | None
    ) -> None:
        async with self._changed:
            if filters is None:
                del self._subscribers[queue]
            else:
                self._subscribers[queue] = filters
            self._changed.notify_all()


@asynccontextmanager
async def answering_bytes(answer: Callable[[str], bytes]) -> AsyncIterator[DockerConfig]:
    """A server that is no engine: it sends the bytes of `answer(path)` and closes the connection."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        writer.write(answer(_unversioned(head.split(b" ")[1].decode().partition("?")[0])))
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    with TemporaryDirectory(prefix="engine") as directory:
        socket = Path(directory) / "docker.sock"
        server = await asyncio.start_unix_server(serve, str(socket))
        async with server:
            yield DockerConfig(host=f"unix://{socket}")


def http(body: bytes, *, length: int | None = None, status: str = "200 OK") -> bytes:
    """A whole HTTP answer. `length` may announce more bytes than the body has."""
    promised = len(body) if length is None else length
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {promised}\r\n\r\n"
    return head.encode() + body


def _unversioned(path: str) -> str:
    first, slash, rest = path.lstrip("/").partition("/")
    return f"/{rest}" if slash and first.startswith("v1.") else path


def _filters(request: web.Request) -> dict[str, list[str]]:
    filters: dict[str, list[str]] = json.loads(request.query.get("filters", "{}"))
    return filters


def _labelled(labels: Mapping[str, str], wanted: str) -> bool:
    """Whether the labels match `name` or `name=value`."""
    name, equals, value = wanted.partition("=")
    return name in labels and (not equals or labels[name] == value)


def _wanted(filters: dict[str, list[str]], kind: str, action: str, attributes: Mapping[str, str]) -> bool:
    return (
        kind in filters.get("type", [kind])
        and action.partition(":")[0] in filters.get("event", [action.partition(":")[0]])
        and all(label in attributes for label in filters.get("label", []))
    )
