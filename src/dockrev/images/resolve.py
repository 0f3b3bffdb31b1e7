"""Asks a registry which digest a tag names now, and which platforms a new digest has."""

import asyncio
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime

from dockrev.clock import Clock
from dockrev.errors import RegistryError, RegistryErrorCode
from dockrev.images.models import CheckError, ImageFacts, TagState
from dockrev.oci.digest import Digest
from dockrev.oci.manifest import Child, Index
from dockrev.oci.ref import ImageRef
from dockrev.registry.client import RegistryClient


@dataclass(frozen=True, slots=True)
class TagQuestion:
    """`running`: the digests of each image that a service runs under this tag.

    `before`: the stored state of the tag.
    """

    ref: ImageRef
    tag: str
    running: tuple[frozenset[str], ...]
    before: TagState

    @property
    def key(self) -> tuple[str, str]:
        return (self.ref.repository, self.tag)

    def runs_everywhere(self, digest: Digest) -> bool:
        """Every service runs this digest already, so its manifest is not needed."""
        return all(digest in digests for digests in self.running)


@dataclass(frozen=True, slots=True)
class TagAnswer:
    """`facts`: the images behind the digest, if they have to be stored."""

    question: TagQuestion
    state: TagState
    facts: ImageFacts | None = None


class TagResolver:
    """Sends one HEAD for each tag, and fetches the manifest of a digest that is neither stored nor running.

    `stored`: the digests whose facts are in the store.
    """

    def __init__(self, registry: RegistryClient, stored: Collection[Digest], clock: Clock) -> None:
        self._registry = registry
        self._stored = set(stored)
        self._fetching: defaultdict[Digest, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._clock = clock

    async def answer(self, question: TagQuestion) -> TagAnswer:
        """Never raises RegistryError. After a failure, the answer has the error and the last known digest."""
        ref = question.ref
        try:
            digest = await self._registry.head(ref)
            facts = None if question.runs_everywhere(digest) else await self._fetch_once(ref, digest)
        except RegistryError as error:
            return TagAnswer(question, replace(question.before, error=self._check_error(error)))
        now, before = self._clock.now(), question.before
        since = before.digest_since if before.digest == digest else None
        state = TagState(ref.repository, question.tag, digest, now, digest_since=since or now)
        return TagAnswer(question, state, facts)

    async def _fetch_once(self, ref: ImageRef, digest: Digest) -> ImageFacts | None:
        async with self._fetching[digest]:
            if digest in self._stored:
                return None
            facts = ImageFacts(digest, await self._children(ref.at(digest), digest))
            self._stored.add(digest)
            return facts

    async def _children(self, ref: ImageRef, digest: Digest) -> tuple[Child, ...]:
        manifest = await self._registry.manifest(ref)
        if isinstance(manifest, Index):
            return manifest.children
        return (Child(await self._registry.config_platform(ref, manifest.config), digest),)

    def _check_error(self, error: RegistryError) -> CheckError:
        return CheckError(error.reason.value, error.message, self._clock.now(), _retry_at(error))


def _retry_at(error: RegistryError) -> datetime | None:
    return error.retry_at if error.reason is RegistryErrorCode.RATE_LIMITED else None
