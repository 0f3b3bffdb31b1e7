"""The platform whose images run here."""

import asyncio
import platform

from dockrev.docker.engine import Engine
from dockrev.errors import DockerError
from dockrev.oci.platform import Platform

_PATIENCE_SECONDS = 2.0


class HostPlatform:
    """What the engine last said of itself; this process's own platform until it has been asked once."""

    def __init__(self, engine: Engine, configured: Platform | None) -> None:
        self._engine = engine
        self._known = configured

    async def get(self) -> Platform:
        if self._known is None:
            try:
                # Nobody who only reads waits as long as a hanging engine is given.
                async with asyncio.timeout(_PATIENCE_SECONDS):
                    self._known = (await self._engine.describe()).platform
            except (DockerError, TimeoutError):
                return Platform.of("linux", platform.machine())
        return self._known
