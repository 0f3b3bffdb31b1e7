"""Pulls from an engine in memory whose messages the test decides."""

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import pytest
from aiohttp import web

from dockrev.docker.engine import Engine
from dockrev.docker.images import Images
from dockrev.docker.pull_progress import PullProgress
from dockrev.docker.pull_stream import MAX_LINE_LENGTH
from dockrev.docker.registry_login import RegistryLogin
from dockrev.errors import DockerError
from dockrev.oci.digest import Digest
from dockrev.oci.platform import Platform
from dockrev.oci.ref import ImageRef
from tests.fakes.engine import FakeEngine

DIGEST = Digest.of(b"web")
REF = ImageRef.parse("registry.test/x/web:1.0").at(DIGEST)
NAME = f"registry.test/x/web@{DIGEST}"
IMAGE_ID = f"sha256:{'1' * 64}"

FETCHING: Sequence[dict[str, object]] = (
    {"status": "Pulling from x/web", "id": NAME},
    {"status": "Pulling fs layer", "progressDetail": {}, "id": "aaaaaaaaaaaa"},
    {"status": "Downloading", "progressDetail": {"current": 4, "total": 10}, "id": "aaaaaaaaaaaa"},
    {"status": "Download complete", "progressDetail": {}, "id": "aaaaaaaaaaaa"},
    {"status": "Pull complete", "progressDetail": {}, "id": "aaaaaaaaaaaa"},
)


def lines(*messages: dict[str, object]) -> bytes:
    return b"".join(json.dumps(message).encode() + b"\r\n" for message in messages)


Then = Callable[[], Awaitable[None]]


async def nothing_more() -> None:
    pass


@dataclass
class Pullable:
    """An image of the fake engine: the messages of its pull, and its inspect document afterwards."""

    engine: FakeEngine
    stream: bytes = lines(*FETCHING)
    then: Then = nothing_more
    repo_digest: str = NAME
    requests: list[web.Request] = field(default_factory=list)
    left: asyncio.Event = field(default_factory=asyncio.Event)

    def offer(self) -> None:
        self.engine.handlers["POST /images/create"] = self._create
        self.engine.handlers[f"GET /images/{NAME}/json"] = self._inspect

    async def _create(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        try:
            await response.write(self.stream)
            await self.then()
        except asyncio.CancelledError:
            self.left.set()
            raise
        return response

    async def _inspect(self, _: web.Request) -> web.Response:
        return web.json_response(
            {
                "Id": IMAGE_ID,
                "RepoTags": [],
                "RepoDigests": [self.repo_digest],
                "Os": "linux",
                "Architecture": "amd64",
                "Config": {},
            }
        )


@pytest.fixture
def image(fake: FakeEngine) -> Pullable:
    pullable = Pullable(fake)
    pullable.offer()
    return pullable


async def failure(client: Engine, idle_seconds: float = 5) -> DockerError:
    with pytest.raises(DockerError) as failed:
        await Images(client, idle_seconds).pull(REF, None, lambda _: None)
    return failed.value


async def test_pull_asks_for_the_digest_and_returns_the_image_id(image: Pullable, client: Engine) -> None:
    seen: list[PullProgress] = []

    assert await Images(client).pull(REF, None, seen.append) == IMAGE_ID

    (request,) = image.requests
    assert dict(request.query) == {"fromImage": NAME}
    assert "X-Registry-Auth" not in request.headers
    assert seen == [
        PullProgress(),
        PullProgress(4, 10),
        PullProgress(10, 10),
    ]


@pytest.mark.parametrize(
    ("login", "shown"),
    [
        (
            RegistryLogin("registry.test", username="ops", password="p?>\u00fc"),
            {"serveraddress": "registry.test", "username": "ops", "password": "p?>\u00fc"},
        ),
        (
            RegistryLogin("registry.test", identity_token="t0ken"),
            {"serveraddress": "registry.test", "identitytoken": "t0ken"},
        ),
    ],
)
async def test_pull_sends_the_login_to_the_engine_only(
    image: Pullable, client: Engine, login: RegistryLogin, shown: dict[str, str]
) -> None:
    await Images(client).pull(REF, login, lambda _: None)

    header = image.requests[0].headers["X-Registry-Auth"]
    assert json.loads(base64.urlsafe_b64decode(header)) == shown
    assert login.password + login.identity_token not in repr(login)


async def test_pull_can_ask_for_another_platform(image: Pullable, client: Engine) -> None:
    await Images(client).pull(REF, None, lambda _: None, platform=Platform("linux", "arm", "v7"))

    assert image.requests[0].query["platform"] == "linux/arm/v7"


async def test_an_error_message_in_the_stream_is_a_failure(image: Pullable, client: Engine) -> None:
    message = "write /layer: no space left on device"
    image.stream = lines(*FETCHING[:3], {"errorDetail": {"message": message}, "error": message})

    assert "disk is full" in (await failure(client)).message


async def test_a_refusal_before_the_stream_gets_the_same_message(fake: FakeEngine, client: Engine) -> None:
    fake.failure = (404, f"manifest for {NAME} not found: manifest unknown: manifest unknown")

    error = await failure(client)

    assert error.message == f"The registry does not offer {NAME} any more. Check for updates again."
    assert error.permanent


async def test_a_missing_engine_is_reported(fake: FakeEngine, client: Engine) -> None:
    await fake.stop()

    assert "no Docker socket" in (await failure(client)).message


@pytest.mark.parametrize(
    "stream", [b"<html>\n", b"[1]\n", b'{"error": ', lines({"status": "Downloading"})[:-4]]
)
async def test_a_stream_of_another_format_is_an_engine_failure(
    image: Pullable, client: Engine, stream: bytes
) -> None:
    image.stream = stream

    assert "does not speak like a Docker engine" in (await failure(client)).message


async def test_an_endless_message_is_refused(image: Pullable, client: Engine) -> None:
    image.stream = b'"' + b"x" * (MAX_LINE_LENGTH + 1)

    assert "does not speak like a Docker engine" in (await failure(client)).message


async def test_pull_fails_when_the_engine_knows_the_image_under_another_digest(
    image: Pullable, client: Engine
) -> None:
    image.repo_digest = f"registry.test/x/web@{Digest.of(b'other')}"

    assert "does not know the image under this digest" in (await failure(client)).message


async def test_pull_rejects_a_reference_without_a_digest(client: Engine) -> None:
    with pytest.raises(ValueError, match="names no digest"):
        await Images(client).pull(ImageRef.parse("nginx:1"), None, lambda _: None)


async def test_a_pull_fails_when_the_engine_is_silent(image: Pullable, client: Engine) -> None:
    async def silence() -> None:
        await asyncio.Event().wait()

    image.then = silence

    assert "did not answer within 0.2 seconds" in (await failure(client, idle_seconds=0.2)).message
    async with asyncio.timeout(5):
        await image.left.wait()


async def test_cancelling_a_pull_closes_the_connection(image: Pullable, client: Engine) -> None:
    async def silence() -> None:
        await asyncio.Event().wait()

    image.then = silence
    begun = asyncio.Event()
    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        pulling = group.create_task(Images(client).pull(REF, None, lambda _: begun.set()))
        await begun.wait()
        pulling.cancel()
        await image.left.wait()

    assert pulling.cancelled()
