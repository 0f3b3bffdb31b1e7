"""Compose, found when it is first needed. While it is missing, the files are merged as they are written."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from dockrev.clock import Clock
from dockrev.compose import raw
from dockrev.compose.cli import Compose
from dockrev.compose.inputs import Stamps, stamp
from dockrev.compose.models import EffectiveConfig, ProjectFiles, UpOrder
from dockrev.compose.sources import read_sources
from dockrev.config import DockerConfig
from dockrev.errors import ComposeError

log = structlog.get_logger()

_LOOK_AGAIN = timedelta(minutes=1)


class LazyCompose:
    """Looks for the Compose CLI when it is first needed, and while it is missing once a minute."""

    def __init__(self, docker: DockerConfig, clock: Clock) -> None:
        self._docker = docker
        self._clock = clock
        self._compose: Compose | None = None
        self._missing = RawMerge("")
        self._looked_at: datetime | None = None
        self._looking = asyncio.Lock()

    async def effective_config(self, files: ProjectFiles) -> EffectiveConfig:
        """As `Compose.effective_config`; without Compose, its warning says how to install it."""
        reader = self._compose or await self._look()
        return await reader.effective_config(files)

    async def up(self, order: UpOrder, on_line: Callable[[str], None]) -> None:
        """As `Compose.up`, its command line first; without Compose, ComposeError says how to install it."""
        compose = self._compose or await self._look()
        if isinstance(compose, RawMerge):
            raise ComposeError(compose.why, permanent=True)
        on_line(f"$ {compose.up_line(order)}")
        await compose.up(order, on_line)

    async def is_up_to_date(self, files: ProjectFiles, service: str, replicas: int) -> bool:
        """As `Compose.is_up_to_date`; False without Compose."""
        compose = self._compose or await self._look()
        return isinstance(compose, Compose) and await compose.is_up_to_date(files, service, replicas)

    async def _look(self) -> "Compose | RawMerge":
        async with self._looking:
            now = self._clock.now()
            if self._looked_at is None or now - self._looked_at >= _LOOK_AGAIN:
                self._looked_at = now
                await self._find()
            return self._compose or self._missing

    async def _find(self) -> None:
        try:
            self._compose = await Compose.find(self._docker)
        except ComposeError as error:
            if error.message != self._missing.why:
                log.warning("Compose is missing", action="compose.missing", cause=error.message)
                self._missing = RawMerge(error.message)
        else:
            version = self._compose.version
            log.info("Compose found", action="compose.found", version=version, command=self._compose.command)


class RawMerge:
    """Merges the files of a project without Compose. A merge is repeated only when a file has changed."""

    def __init__(self, why: str) -> None:
        self.why = why
        self._merged: dict[str, tuple[ProjectFiles, Stamps, EffectiveConfig]] = {}

    async def effective_config(self, files: ProjectFiles) -> EffectiveConfig:
        """Raises ComposeError as Compose itself would for files that cannot be used."""
        stamps = await asyncio.to_thread(stamp, files.config_files)
        known = self._merged.get(files.name)
        if known and known[:2] == (files, stamps):
            return known[2]
        merged = await asyncio.to_thread(self._merge, files)
        self._merged[files.name] = (files, stamps, merged)
        return merged

    def _merge(self, files: ProjectFiles) -> EffectiveConfig:
        warning = f"The files are read as they are written, without variables: {self.why}"
        return raw.merged(read_sources(files), warning)
