"""The free space where an engine keeps images and volumes."""

import asyncio
import os
from pathlib import Path
from typing import Any

from dockrev.docker.engine import Engine
from dockrev.docker.labels import clean_text


async def free_bytes(engine: Engine) -> int | None:
    """Bytes that ordinary users may fill; the reserve of root does not count. None when it is unknown.

    The Engine API does not report it. This process can see it only when the engine runs on this machine and
    its data directory has the same path here. In a container that takes a mount.
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
            return None  # a directory with the same path that belongs to no engine
        status = os.statvfs(directory)
    except OSError:
        return None
    return status.f_bavail * status.f_frsize
