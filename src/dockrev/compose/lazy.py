"""Finds Compose at its first use. While it is missing, Dockrev merges the files of a project itself."""

import asyncio
import logging
from datetime import datetime, timedelta

from dockrev.clock import Clock
from dockrev.compose import raw
from dockrev.compose.cli import Compose
from dockrev.compose.inputs import Stamps, stamp
from dockrev.compose.models import EffectiveConfig, ProjectFiles
from dockrev.compose.sources import read_sources
from dockrev.config.shared import DockerConfig
from dockrev.errors import ComposeError

log = logging.getLogger(__name__)  # structlog would cost a small process 8 MB

_RETRY_INTERVAL = timedelta(minutes=1)


class LazyCompose:
    """Looks for the Compose CLI at the first use, and once a minute for as long as it is missing."""

    def __init__(self, docker: DockerConfig, clock: Clock) -> None:
        self._docker = docker
        self._clock = clock
        self._compose: Compose | None = None
        self._missing = RawMerge("")
        self._searched_at: datetime | None = None
        self._searching = asyncio.Lock()

    async def get(self) -> Compose:
        """Raises ComposeError, which says how to install it, while it is missing."""
        compose = self._compose or await self._search()
        if isinstance(compose, RawMerge):
            raise ComposeError(compose.why, permanent=True)
        return compose

    async def effective_config(self, files: ProjectFiles) -> EffectiveConfig:
        """Like `Compose.effective_config`. Without Compose, a warning says how to install it."""
        reader = self._compose or await self._search()
        return await reader.effective_config(files)

    async def _search(self) -> "Compose | RawMerge":
        async with self._searching:
            now = self._clock.now()
            if self._searched_at is None or now - self._searched_at >= _RETRY_INTERVAL:
                self._searched_at = now
                await self._find()
            return self._compose or self._missing

    async def _find(self) -> None:
        try:
            self._compose = await Compose.find(self._docker)
        except ComposeError as error:
            if error.message != self._missing.why:
                log.warning("Compose is missing: %s", error.message, extra={"action": "compose.missing"})
                self._missing = RawMerge(error.message)
        else:
            version, command = self._compose.version, " ".join(self._compose.command)
            log.info("Compose found: %s (%s)", version, command, extra={"action": "compose.found"})


class RawMerge:
    """Merges the files of a project without Compose. It merges again only when one of them has changed."""

    def __init__(self, why: str) -> None:
        self.why = why
        self._merged: dict[str, tuple[ProjectFiles, Stamps, EffectiveConfig]] = {}

    async def effective_config(self, files: ProjectFiles) -> EffectiveConfig:
        """Raises ComposeError when the files cannot be used."""
        stamps = await asyncio.to_thread(stamp, files.config_files)
        previous = self._merged.get(files.name)
        if previous and previous[:2] == (files, stamps):
            return previous[2]
        merged = await asyncio.to_thread(self._merge, files)
        self._merged[files.name] = (files, stamps, merged)
        return merged

    def _merge(self, files: ProjectFiles) -> EffectiveConfig:
        warning = f"The files are read as they are written, without variables: {self.why}"
        return raw.merged(read_sources(files), warning)
