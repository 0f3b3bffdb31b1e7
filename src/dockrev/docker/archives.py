"""Copies files out of and into containers as tar streams.

The engine reads and writes what the container sees, volumes and bind mounts included. The container may be
stopped (Engine API, "ContainerArchive", "PutContainerArchive").
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
"""The symlink bit of Go's `os.FileMode`."""


class Archives:
    """An exchange fails when no byte moves for `idle_seconds`. It may take any time as a whole."""

    def __init__(self, engine: Engine, idle_seconds: float = _IDLE_SECONDS) -> None:
        self._engine = engine
        self._idle_seconds = idle_seconds

    async def get(self, container_id: str, path: str) -> AsyncGenerator[bytes, None]:
        """The tar archive of a file or tree. Names in it start with the last part of `path`.

        A symlink at `path` itself is archived as one; `PATH/.` follows it, and names then start with `./`.
        Raises DockerNotFound when there is no such container or path. Use `aclosing` to stop early.
        """
        exchange = self._engine.exchange(
            "GET", _path(container_id), {"path": path}, idle_seconds=self._idle_seconds
        )
        async with exchange as response:
            async for chunk in response.content.iter_any():
                yield chunk

    async def put(self, container_id: str, path: str, tar: AsyncIterable[bytes]) -> None:
        """Unpacks `tar` into an existing directory and keeps the archived owners, modes and times.

        The engine removes no other files. An entry replaces what has its name: a file replaces even a whole
        directory.

        When `tar` raises an AppError, OSError or ValueError, this method raises it unchanged, and the files
        unpacked until then stay. The caller closes `tar`.
        """
        source = _Source(tar)
        exchange = self._engine.exchange(
            "PUT",
            _path(container_id),
            {"path": path},
            source,
            headers={"Content-Type": "application/x-tar"},
            idle_seconds=self._idle_seconds,
        )
        try:
            async with exchange as response:
                await response.read()
        except DockerError:
            if source.failure is not None:
                raise source.failure from None
            raise
        finally:
            await source.wait_until_unused()

    async def is_symlink(self, container_id: str, path: str) -> bool:
        """Raises DockerNotFound when there is no such container or path."""
        exchange = self._engine.exchange(
            "GET", _path(container_id), {"path": path}, idle_seconds=self._idle_seconds
        )
        async with exchange as response:  # not HEAD: a refused HEAD gives no reason
            stat = json.loads(base64.b64decode(response.headers[_STAT]))
            return bool(int(stat["mode"]) & _GO_SYMLINK)


class _Source:
    """Remembers why a stream broke: the HTTP client reports it only as a failed connection."""

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

    async def wait_until_unused(self) -> None:
        """The HTTP client cancels its reading without waiting for the end of it."""
        async with self._reading:
            pass


def _path(container_id: str) -> str:
    return f"containers/{quote(container_id)}/archive"
