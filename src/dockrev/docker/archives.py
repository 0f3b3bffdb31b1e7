"""Files in and out of containers as tar streams (Engine API, "ContainerArchive", "PutContainerArchive").

They see what the container sees, volumes and binds included, whether it runs or not.
"""

import asyncio
import base64
import json
from collections.abc import AsyncGenerator, AsyncIterable
from typing import Self
from urllib.parse import quote

from dockrev.docker.engine import Engine
from dockrev.errors import AppError, DockerError

_IDLE_SECONDS = 120.0
_STAT = "X-Docker-Container-Path-Stat"
_GO_SYMLINK = 1 << 27
"""A bit of Go's `os.FileMode`."""


class Archives:
    """Silence of `idle_seconds` ends an exchange; its length does not."""

    def __init__(self, engine: Engine, idle_seconds: float = _IDLE_SECONDS) -> None:
        self._engine = engine
        self._idle_seconds = idle_seconds

    async def get(self, container_id: str, path: str) -> AsyncGenerator[bytes, None]:
        """The tar archive of a file or tree. Names in it start with the last part of `path`.

        A symlink at `path` itself is archived as one; `PATH/.` follows it, and names then start with `./`.
        Raises DockerNotFound when there is no such container or path. `aclosing` ends it early.
        """
        asking = self._engine.exchange(
            "GET", _path(container_id), {"path": path}, idle_seconds=self._idle_seconds
        )
        async with asking as response:
            async for chunk in response.content.iter_any():
                yield chunk

    async def put(self, container_id: str, path: str, tar: AsyncIterable[bytes]) -> None:
        """Unpacks into an existing directory, owners, modes and times as archived.

        It removes nothing, but an entry replaces what is in its place, a file even a whole directory.

        An AppError, OSError or ValueError of `tar` comes out as it is; what was unpacked until then stays.
        `tar` is left to the caller to close.
        """
        source = _Source(tar)
        asking = self._engine.exchange(
            "PUT",
            _path(container_id),
            {"path": path},
            source,
            headers={"Content-Type": "application/x-tar"},
            idle_seconds=self._idle_seconds,
        )
        try:
            async with asking as response:
                await response.read()
        except DockerError:
            if source.failure is not None:
                raise source.failure from None
            raise
        finally:
            await source.rest()

    async def is_symlink(self, container_id: str, path: str) -> bool:
        """Raises DockerNotFound when there is no such container or path."""
        asking = self._engine.exchange(
            "GET", _path(container_id), {"path": path}, idle_seconds=self._idle_seconds
        )
        async with asking as response:  # the body is left unread; HEAD would refuse without a reason
            described = json.loads(base64.b64decode(response.headers[_STAT]))
            return bool(int(described["mode"]) & _GO_SYMLINK)


class _Source:
    """Remembers why a stream broke, which the HTTP client would tell as a failure of the connection."""

    def __init__(self, chunks: AsyncIterable[bytes]) -> None:
        self._chunks = aiter(chunks)
        self._reading = asyncio.Lock()
        self.failure: AppError | OSError | ValueError | None = None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        async with self._reading:
            try:
                return await anext(self._chunks)
            except (AppError, OSError, ValueError) as error:
                self.failure = error
                raise

    async def rest(self) -> None:
        """Returns when nobody reads it any more; the HTTP client does not wait for what it cancels."""
        async with self._reading:
            pass


def _path(container_id: str) -> str:
    return f"containers/{quote(container_id)}/archive"
