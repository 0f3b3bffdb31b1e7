"""A registry without HTTP: what it holds, what it was asked, and how it fails."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field

from dockrev.errors import RegistryError
from dockrev.oci.digest import Digest
from dockrev.oci.manifest import ImageManifest, Index
from dockrev.oci.platform import Platform
from dockrev.oci.ref import ImageRef


@dataclass
class MemoryRegistry:
    tags: dict[str, Digest] = field(default_factory=dict)
    manifests: dict[Digest, Index | ImageManifest] = field(default_factory=dict)
    platforms: dict[Digest, Platform] = field(default_factory=dict)
    head_error: RegistryError | None = None
    manifest_error: RegistryError | None = None
    asked: Counter[str] = field(default_factory=Counter)

    async def head(self, ref: ImageRef) -> Digest:
        await self._asked("HEAD")
        if self.head_error:
            raise self.head_error
        return self.tags[str(ref)]

    async def manifest(self, ref: ImageRef) -> Index | ImageManifest:
        await self._asked("GET")
        if self.manifest_error:
            raise self.manifest_error
        assert ref.digest is not None
        return self.manifests[ref.digest]

    async def config_platform(self, ref: ImageRef, config: Digest) -> Platform:
        await self._asked("config")
        assert ref.digest in self.manifests
        return self.platforms[config]

    async def _asked(self, what: str) -> None:
        """Others may ask meanwhile, as over a network."""
        self.asked[what] += 1
        await asyncio.sleep(0)
