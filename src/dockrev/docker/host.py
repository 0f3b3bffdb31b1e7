"""The platform whose images run here."""

import platform

from dockrev.docker.engine import Engine
from dockrev.errors import DockerError
from dockrev.oci.platform import Platform


class HostPlatform:
    """What the engine last said of itself; this process's own platform until it has been asked once."""

    def __init__(self, engine: Engine, configured: Platform | None) -> None:
        self._engine = engine
        self._known = configured

    async def get(self) -> Platform:
        if self._known is None:
            try:
                self._known = (await self._engine.describe()).platform
            except DockerError:
                return Platform.of("linux", platform.machine())
        return self._known
