"""Carries the questions about one repository to its registry."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Protocol, assert_never

from dockrev.clock import Clock
from dockrev.errors import RegistryError, RegistryErrorCode
from dockrev.images.models import ImageFacts, TagState
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
"""Failures that say nothing about the next tag; after any other one the registry is left alone."""


class CheckedImages(Protocol):
    """What checks have learned of images."""

    async def tags_of(self, repository: str) -> list[TagState]: ...

    async def facts(self, digests: Collection[Digest]) -> dict[Digest, ImageFacts]: ...


class RegistryReader:
    """One look at one repository: its bulk API is read on from where it was left.

    Raises RegistryError when the registry as a whole refuses, or has no tag list; then `saved` is what the
    tags that were asked along with it had brought.
    """

    def __init__(
        self,
        registry: RegistryClient,
        ref: ImageRef,
        images: CheckedImages,
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
        """`answered` hears of each tag whether its HEAD had an answer."""
        match question:
            case AskHeads():
                return await self._heads(question.tags, answered or _nobody)
            case AskList():
                return InferenceAnswer(names=await self._registry.tags(self._ref))
            case AskPage():
                return await self._page()
            case _:
                assert_never(question)

    async def _heads(self, tags: Sequence[str], answered: Callable[[bool], None]) -> InferenceAnswer:
        found: dict[str, Digest] = {}
        failed: dict[str, RegistryError] = {}

        async def ask(tag: str) -> None:
            try:
                found[tag] = await self._registry.head(ImageRef(self._ref.registry, self._ref.path, tag))
            except RegistryError as error:
                failed[tag] = error
            answered(tag in found)

        async with asyncio.TaskGroup() as group:
            for tag in tags:
                group.create_task(ask(tag))
        facts = await self._facts(found, {})
        for error in failed.values():
            if error.reason not in _OF_ONE_TAG:
                raise error
        gone = {tag for tag, error in failed.items() if error.reason is RegistryErrorCode.NOT_FOUND}
        late = {tag for tag, error in failed.items() if error.reason is RegistryErrorCode.TIMEOUT}
        return InferenceAnswer(facts, gone=gone, timeouts=late, errors=failed.keys() - gone - late)

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
        children = {one.digest: tuple(child.digest for child in one.children) for one in page}
        return InferenceAnswer(await self._facts({one.tag: one.digest for one in page}, children), more=True)

    async def _facts(
        self, found: Mapping[str, Digest], children: Mapping[Digest, tuple[Digest, ...]]
    ) -> dict[str, TagFact]:
        """`children` are those that the answer itself named; a HEAD names none."""
        known, now = await self._images.facts(set(found.values())), self._clock.now()
        facts = {
            tag: TagFact(
                self._ref.repository,
                tag,
                digest,
                now,
                children_of(known[digest])
                if digest in known
                else children.get(digest) or self._children.get(digest, ()),
            )
            for tag, digest in found.items()
        }
        self.saved.update(facts)
        return facts


def _nobody(_: bool) -> None:
    """Hears that a tag was answered for, and does nothing with it."""


def children_of(facts: ImageFacts) -> tuple[Digest, ...]:
    return tuple(child.digest for child in facts.children)
