"""Fetching an image by its digest, through the engine (Engine API, "ImageCreate")."""

import base64
import json
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import aiohttp

from dockrev.docker.engine import Engine
from dockrev.docker.inspect import ImageDetail
from dockrev.docker.pull_failures import known_failure, pull_failure
from dockrev.docker.pull_progress import LayerProgress, PullProgress
from dockrev.errors import DockerError
from dockrev.oci.platform import Platform
from dockrev.oci.ref import ImageRef

MAX_LINE_LENGTH = 1024 * 1024
IDLE_SECONDS = 120.0

OnProgress = Callable[[PullProgress], None]


@dataclass(frozen=True, slots=True)
class RegistryLogin:
    """What the engine shows to a registry: a user and password, or an identity token."""

    server: str
    username: str = ""
    password: str = field(default="", repr=False)
    identity_token: str = field(default="", repr=False)

    def header(self) -> str:
        """The value of X-Registry-Auth."""
        login = {
            "username": self.username,
            "password": self.password,
            "identitytoken": self.identity_token,
            "serveraddress": self.server,
        }
        said = {name: value for name, value in login.items() if value}
        return base64.urlsafe_b64encode(json.dumps(said).encode()).decode()


class Pulling:
    def __init__(self, engine: Engine, idle_seconds: float = IDLE_SECONDS) -> None:
        self._engine = engine
        self._idle_seconds = idle_seconds

    async def pull(
        self,
        ref: ImageRef,
        login: RegistryLogin | None,
        on_progress: OnProgress,
        *,
        platform: Platform | None = None,
    ) -> str:
        """The id of the image, of which it is sure that the engine has it under the digest of `ref`.

        `platform` picks one that is not the engine's own out of an index. No tag is set. Cancelling ends the
        engine's work, unless somebody else waits for the same image.
        """
        if ref.digest is None:
            raise ValueError(f"{ref} names no digest")
        name = f"{ref.repository}@{ref.digest}"
        params = {"fromImage": name, **({"platform": str(platform)} if platform else {})}
        headers = {"X-Registry-Auth": login.header()} if login else {}
        try:
            asking = self._engine.exchange(
                "POST", "images/create", params, headers=headers, idle_seconds=self._idle_seconds
            )
            async with asking as response:
                failed = await _follow(response, on_progress)
        except DockerError as error:
            known = known_failure(name, error.message)
            if known is None:
                raise
            raise known from error
        if failed is not None:
            raise pull_failure(name, failed)
        return await self._verified(ref)

    async def _verified(self, ref: ImageRef) -> str:
        name = f"{ref.repository}@{ref.digest}"
        image = await self._engine.ask(f"images/{quote(name, safe='/:@')}/json", ImageDetail.parse)
        if ref.digest not in image.digests_of(ref.repository):
            raise DockerError(
                f"The engine pulled {name} but does not know the image under this digest.",
                permanent=True,
            )
        return image.id


async def _messages(response: aiohttp.ClientResponse) -> AsyncIterator[Mapping[str, Any]]:
    """One JSON object a line."""
    pending = b""
    async for chunk in response.content.iter_any():
        *lines, pending = (pending + chunk).split(b"\n")
        if len(pending) > MAX_LINE_LENGTH:
            raise ValueError("a message without end")
        for line in filter(None, map(bytes.strip, lines)):
            yield json.loads(line.decode("utf-8", "replace"))
    if pending.strip():
        yield json.loads(pending.decode("utf-8", "replace"))


async def _follow(response: aiohttp.ClientResponse, on_progress: OnProgress) -> str | None:
    """To the end of the pull; what went wrong with it."""
    layers = LayerProgress()
    last: PullProgress | None = None
    async for message in _messages(response):
        if "error" in message:
            return str(message["error"])
        layers.take(message)
        if (now := layers.total()) != last:
            on_progress(now)
            last = now
    return None
