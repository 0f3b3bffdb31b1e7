"""One question to a registry: what does this tag name now, and what is that?"""

import asyncio
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from dockrev.clock import Clock
from dockrev.errors import RegistryError, RegistryErrorCode
from dockrev.images.models import CheckError, ImageFacts, TagState
from dockrev.oci.digest import Digest
from dockrev.oci.manifest import Child, ImageManifest, Index
from dockrev.oci.platform import Platform
from dockrev.oci.ref import ImageRef


class Registry(Protocol):
    """What is asked of a registry client here."""

    async def head(self, ref: ImageRef) -> Digest: ...

    async def manifest(self, ref: ImageRef) -> Index | ImageManifest: ...

    async def config_platform(self, ref: ImageRef, config: Digest) -> Platform: ...


@dataclass(frozen=True, slots=True)
class Question:
    """`running`: for each image that some service runs under this tag, the digests it has."""

    ref: ImageRef
    tag: str
    running: tuple[frozenset[str], ...]
    before: TagState

    @property
    def key(self) -> tuple[str, str]:
        return (self.ref.repository, self.tag)

    def nothing_new(self, digest: Digest) -> bool:
        """Whatever runs is this digest already, so what it holds does not matter."""
        return all(digest in digests for digests in self.running)


@dataclass(frozen=True, slots=True)
class Answer:
    """`learned` holds what has to be remembered of a digest never seen before."""

    question: Question
    state: TagState
    learned: ImageFacts | None = None


class Resolver:
    """Asks the least: one HEAD a tag, and a manifest only for a digest that is new and does not run here."""

    def __init__(self, registry: Registry, known: Collection[Digest], clock: Clock) -> None:
        self._registry = registry
        self._known = set(known)
        self._learning: defaultdict[Digest, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._clock = clock

    async def answer(self, question: Question) -> Answer:
        """Never raises RegistryError: a failure is an answer too, and keeps the digest seen before."""
        ref = question.ref
        try:
            digest = await self._registry.head(ref)
            learned = None if question.nothing_new(digest) else await self._learn_once(ref.at(digest), digest)
        except RegistryError as error:
            return Answer(question, replace(question.before, error=self._check_error(error)))
        now, before = self._clock.now(), question.before
        since = before.digest_since if before.digest == digest else None
        state = TagState(ref.repository, question.tag, digest, now, digest_since=since or now)
        return Answer(question, state, learned)

    async def _learn_once(self, ref: ImageRef, digest: Digest) -> ImageFacts | None:
        async with self._learning[digest]:
            if digest in self._known:
                return None
            learned = await self._learn(ref, digest)
            self._known.add(digest)
            return learned

    async def _learn(self, ref: ImageRef, digest: Digest) -> ImageFacts:
        manifest = await self._registry.manifest(ref)
        if isinstance(manifest, Index):
            return ImageFacts(digest, manifest.children)
        platform = await self._registry.config_platform(ref, manifest.config)
        return ImageFacts(digest, (Child(platform, digest),))

    def _check_error(self, error: RegistryError) -> CheckError:
        return CheckError(error.reason.value, error.message, self._clock.now(), _retry_at(error))


def _retry_at(error: RegistryError) -> datetime | None:
    return error.retry_at if error.reason is RegistryErrorCode.RATE_LIMITED else None
