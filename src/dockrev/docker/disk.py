"""How much room is left where the engine keeps images and volumes."""

import asyncio
import os
from pathlib import Path
from typing import Any

from dockrev.docker.engine import Engine
from dockrev.docker.labels import clean_text


class Disk:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def free_bytes(self) -> int | None:
        """For ordinary users, without the reserve of root. None when it cannot be known from here.

        An engine does not tell. It can be seen only when the engine is on this machine and its directory is
        visible under its own path, which inside a container needs a mount.
        """
        if self._engine.address.socket is None:
            return None
        root = await self._engine.ask("info", _root)
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
