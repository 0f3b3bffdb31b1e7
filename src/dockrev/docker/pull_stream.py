"""The messages that an engine sends during a pull, one JSON object per line (Engine API, "ImageCreate")."""

import json
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import aiohttp

from dockrev.docker.pull_progress import LayerProgress, PullProgress

MAX_LINE_LENGTH = 1024 * 1024


async def follow(response: aiohttp.ClientResponse, on_progress: Callable[[PullProgress], None]) -> str | None:
    """Reads until the pull ends. Returns the engine's error message; None when the pull succeeded."""
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


async def _messages(response: aiohttp.ClientResponse) -> AsyncIterator[Mapping[str, Any]]:
    pending = b""
    async for chunk in response.content.iter_any():
        *lines, pending = (pending + chunk).split(b"\n")
        if len(pending) > MAX_LINE_LENGTH:
            raise ValueError("a message without end")
        for line in filter(None, map(bytes.strip, lines)):
            yield json.loads(line.decode("utf-8", "replace"))
    if pending.strip():
        yield json.loads(pending.decode("utf-8", "replace"))
