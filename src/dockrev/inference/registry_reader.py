"""Carries the questions about one repository to its registry."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from types import MappingProxyType
from typing import assert_never

from dockrev.clock import Clock
from dockrev.errors import RegistryError, RegistryErrorCode
from dockrev.images.models import ImageFacts
from dockrev.images.store import ImageStore
from dockrev.inference.evidence import InferenceAnswer
from dockrev.inference.infer import AskHeads, AskList, AskPage, InferenceQuestion
from dockrev.oci.digest import Digest
from dockrev.oci.ref import ImageRef
from dockrev.registry.bulk.models import BulkUnavailable, TagDigest
from dockrev.registry.client import RegistryClient
from dockrev.versions.models import TagFact

_OF_ONE_TAG = {
    RegistryErrorCode.NOT_FOUND,
    RegistryErrorCode.TIMEOUT,
    RegistryErrorCode.SERVER_ERROR,
    RegistryErrorCode.BAD_ANSWER,
}
"""These failures concern one tag. After any other failure the registry is not asked again."""


class RegistryReader:
    """Reads one repository. Each AskPage reads the next page of the bulk API.

    Raises RegistryError when the registry refuses all requests, or has no tag list. `saved` has the facts of
    all answers, also of those before the error.
    """

    def __init__(
        self,
        registry: RegistryClient,
        ref: ImageRef,
        images: ImageStore,
        clock: Clock,
        known: Mapping[str, TagFact] = MappingProxyType({}),
    ) -> None:
        self._registry = registry
        self._ref = ref
        self._images = images
        self._clock = clock
        self._children = {fact.digest: fact.children for fact in known.values() if fact.children}
        self._pages: AsyncIterator[Sequence[TagDigest]] | None = None
        self.saved: dict[str, TagFact] = {}

    async def close(self) -> None:
        if isinstance(self._pages, AsyncGenerator):
            await self._pages.aclose()

    async def answer(
        self, question: InferenceQuestion, answered: Callable[[bool], None] | None = None
    ) -> InferenceAnswer:
        """Calls `answered` for each tag, with True when its HEAD succeeded."""
        match question:
            case AskHeads():
                return await self._heads(question.tags, answered or _ignore)
            case AskList():
                return InferenceAnswer(names=await self._registry.tags(self._ref))
            case AskPage():
                return await self._page()
            case _:
                assert_never(question)

    async def _heads(self, tags: Sequence[str], answered: Callable[[bool], None]) -> InferenceAnswer:
        digests: dict[str, Digest] = {}
        failed: dict[str, RegistryError] = {}

        async def ask(tag: str) -> None:
            try:
                digests[tag] = await self._registry.head(ImageRef(self._ref.registry, self._ref.path, tag))
            except RegistryError as error:
                failed[tag] = error
            answered(tag in digests)

        async with asyncio.TaskGroup() as group:
            for tag in tags:
                group.create_task(ask(tag))
        facts = await self._facts(digests, {})
        for error in failed.values():
            if error.reason not in _OF_ONE_TAG:
                raise error
        gone = {tag for tag, error in failed.items() if error.reason is RegistryErrorCode.NOT_FOUND}
        timeouts = {tag for tag, error in failed.items() if error.reason is RegistryErrorCode.TIMEOUT}
        return InferenceAnswer(facts, gone=gone, timeouts=timeouts, errors=failed.keys() - gone - timeouts)

    async def _page(self) -> InferenceAnswer:
        if self._pages is None:
            self._pages = self._registry.bulk_pages(self._ref)
            if self._pages is None:
                return InferenceAnswer()
        try:
            page = await anext(self._pages, None)
        except BulkUnavailable:
            return InferenceAnswer()
        if page is None:
            return InferenceAnswer(end=True)
        children = {tag.digest: tuple(child.digest for child in tag.children) for tag in page}
        return InferenceAnswer(await self._facts({tag.tag: tag.digest for tag in page}, children), more=True)

    async def _facts(
        self, digests: Mapping[str, Digest], children: Mapping[Digest, tuple[Digest, ...]]
    ) -> dict[str, TagFact]:
        """`children`: the platform manifests that the answer listed. A HEAD lists none."""
        images, now = await self._images.facts(set(digests.values())), self._clock.now()
        facts = {
            tag: TagFact(
                self._ref.repository,
                tag,
                digest,
                now,
                children_of(images[digest])
                if digest in images
                else children.get(digest) or self._children.get(digest, ()),
            )
            for tag, digest in digests.items()
        }
        self.saved.update(facts)
        return facts


def _ignore(_: bool) -> None:
    """Serves callers that show no progress."""


def children_of(facts: ImageFacts) -> tuple[Digest, ...]:
    return tuple(child.digest for child in facts.children)
