"""The free space where an engine keeps images and volumes."""

import asyncio
import os
from pathlib import Path
from typing import Any

from dockrev.docker.engine import Engine
from dockrev.docker.labels import clean_text


async def free_bytes(engine: Engine) -> int | None:
    """Bytes for ordinary users, without the reserve of root. None when this process cannot know.

    No engine tells it. It is visible only when the engine runs on this machine and its directory has the same
    path for this process; inside a container this takes a mount.
    """
    if engine.address.socket is None:
        return None
    root = await engine.ask("info", _root)
    return await asyncio.to_thread(_free, root) if root else None


def _root(document: Any) -> str:
    return clean_text(document.get("DockerRootDir"))


def _free(directory: str) -> int | None:
    try:
        if not Path(directory, "image").is_dir() and not Path(directory, "containerd").is_dir():
            return None  # a directory of the same name, but not an engine's
        status = os.statvfs(directory)
    except OSError:
        return None
    return status.f_bavail * status.f_frsize
