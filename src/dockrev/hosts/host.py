"""One Docker host. Dockrev reads and changes everything on the host through this object."""

import asyncio
import platform
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Self

from dockrev.clock import Clock
from dockrev.compose.lazy import LazyCompose
from dockrev.config.shared import DockerConfig
from dockrev.docker.archives import Archives
from dockrev.docker.containers import Containers
from dockrev.docker.engine import Engine
from dockrev.docker.images import Images
from dockrev.docker.process_identity import Traces
from dockrev.docker.self_service import OwnService, find_own_service, traces_of_this_process
from dockrev.docker.volumes import Volumes
from dockrev.errors import DockerError
from dockrev.oci.platform import Platform

_DISPLAY_TIMEOUT_SECONDS = 2.0
"""Requests that only display data wait less for a hanging engine than jobs do."""


class Host:
    """The replacement engine uses it, also in processes without a database: no ORM, no web framework here."""

    def __init__(
        self,
        host_id: str,
        engine: Engine,
        compose: LazyCompose,
        *,
        own_image: str,
        traces: Traces,
        platform: Platform | None = None,
    ) -> None:
        """`own_image`: the repository of Dockrev's own image.

        `traces`: what the kernel says about the container of this process. `platform`: used instead of the
        engine's own platform.
        """
        self.id = host_id
        self.engine = engine
        self.compose = compose
        self.containers = Containers(engine)
        self.images = Images(engine)
        self.volumes = Volumes(engine)
        self.archives = Archives(engine)
        self._own_image = own_image
        self._traces = traces
        self._platform = platform
        self._own_service: OwnService | None = None

    @classmethod
    @asynccontextmanager
    async def open(
        cls, host_id: str, config: DockerConfig, clock: Clock, *, own_image: str
    ) -> AsyncIterator[Self]:
        """Sends no request: a missing engine or Compose fails at its first use."""
        async with Engine.open(config) as engine:
            yield cls(
                host_id,
                engine,
                LazyCompose(config, clock),
                own_image=own_image,
                traces=traces_of_this_process(),
                platform=config.platform,
            )

    async def platform(self) -> Platform:
        """The platform of the engine. Until the engine has answered once: the platform of this process."""
        if self._platform is None:
            try:
                async with asyncio.timeout(_DISPLAY_TIMEOUT_SECONDS):
                    self._platform = (await self.engine.describe()).platform
            except (DockerError, TimeoutError):
                return Platform.of("linux", platform.machine())
        return self._platform

    async def own_service(self) -> OwnService:
        """Finds Dockrev itself on this host. Asks the engine once, and only from inside a container.

        Raises DockerError when the engine does not answer the first time.
        """
        if self._own_service is None:
            self._own_service = await find_own_service(
                self.engine, self.containers, self._own_image, self._traces
            )
        return self._own_service

    async def likely_own_service(self) -> OwnService:
        """For display. While the engine does not answer, Dockrev is recognised by its image alone."""
        try:
            async with asyncio.timeout(_DISPLAY_TIMEOUT_SECONDS):
                return await self.own_service()
        except (DockerError, TimeoutError):
            return OwnService(self._own_image)
