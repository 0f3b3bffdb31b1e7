"""Learns the digests of all tags of the repositories in use, while the queue has nothing to do."""

import asyncio
from collections.abc import Collection, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import structlog

from dockrev.clock import Clock
from dockrev.errors import RegistryError
from dockrev.images.store import ImageStore
from dockrev.inference.backfill_order import (
    Unfinished,
    backfill_order,
    first_of_each_registry,
    repositories_to_list,
)
from dockrev.inference.evidence import InferenceAnswer
from dockrev.inference.infer import HEADS_AT_ONCE, AskHeads, AskList, AskPage
from dockrev.inference.queue import TaskQueue
from dockrev.inference.registry_reader import RegistryReader
from dockrev.inference.service_images import ServiceImages
from dockrev.inference.tag_list import TagList
from dockrev.oci.ref import ImageRef
from dockrev.registry.client import RegistryClient
from dockrev.versions.models import TagListing
from dockrev.versions.observe import Observation
from dockrev.versions.state import RETRY_AFTER
from dockrev.versions.store import VersionStore
from dockrev.versions.tags import newest_first
from dockrev.wording import counted

log = structlog.get_logger()

PACE_SECONDS = 10.0
"""The pause between two steps. A step is a few HEADs at one registry, or one page of its bulk API."""


@dataclass(slots=True)
class _RepositoryCursor:
    """How far this process has read a repository. `paging`: its bulk API has pages left.

    `failed`: tags without an answer. They are asked last, because some never get one.
    """

    reader: RegistryReader
    paging: bool
    names: tuple[str, ...] = ()
    ordered: Sequence[str] = ()
    failed: set[str] = field(default_factory=set)

    async def ask(self, listing: TagListing | None, known_tags: Container[str]) -> InferenceAnswer:
        """Asks the next question about the repository. Raises RegistryError."""
        if listing is None:
            return await self.reader.answer(AskList())
        if self.names != listing.names:
            self.names, self.ordered = listing.names, newest_first(listing.names)
        unknown = [name for name in self.ordered if name not in known_tags]
        if not unknown:
            return InferenceAnswer()
        if self.paging:
            answer = await self.reader.answer(AskPage())
            self.paging = answer.more
            return answer
        unknown.sort(key=self.failed.__contains__)
        answer = await self.reader.answer(AskHeads(tuple(unknown[:HEADS_AT_ONCE]), len(unknown)))
        self.failed.update(answer.timeouts, answer.errors)
        return answer


class Backfill:
    """Stores the result of every step, so that the next process continues after it."""

    def __init__(
        self,
        registry: RegistryClient,
        versions: VersionStore,
        images: ImageStore,
        queue: TaskQueue,
        services: ServiceImages,
        clock: Clock,
    ) -> None:
        self._registry = registry
        self._versions = versions
        self._images = images
        self._queue = queue
        self._services = services
        self._clock = clock
        self._resting: dict[str, datetime] = {}
        self._cursors: dict[str, _RepositoryCursor] = {}
        self._lists: dict[str, TagList] = {}

    async def run(self) -> None:
        """Makes steps, with a pause before each, until there is nothing to do for now."""
        while True:
            await asyncio.sleep(PACE_SECONDS)
            if not await self.step():
                return

    async def step(self) -> int:
        """Makes one step at each registry that has quota to spare. Returns the number of steps made."""
        return await self._advance(await self._unfinished()) if self._queue.idle else 0

    async def find(self, repositories: Collection[str], most: int) -> None:
        """Makes up to `most` steps without pauses, in the repositories where a service has no version."""
        try:
            for _ in range(most):
                unfinished = await self._unfinished()
                chosen = [each for each in unfinished if each.unnamed and each.ref.repository in repositories]
                if not await self._advance(chosen):
                    return
        finally:
            await self.close()

    async def _advance(self, unfinished: Iterable[Unfinished]) -> int:
        chosen = first_of_each_registry(
            each for each in unfinished if self._registry.has_spare_quota(each.ref)
        )
        for each in chosen:
            await self._step_in(each.ref)
        return len(chosen)

    async def _unfinished(self) -> list[Unfinished]:
        """The repositories in use that have unknown tags, without those that failed a short time ago."""
        images, now = await self._services.all(), self._clock.now()
        needed = (
            (image.ref.repository, digest)
            for image in images
            if image.needs_inference
            for digest in image.digests
        )
        knowledge = await self._versions.known(needed)
        lists = await self._tag_lists(repositories_to_list(images))
        waiting = backfill_order(images, await self._versions.unknown_tags(), knowledge, lists)
        return [each for each in waiting if self._resting.get(each.ref.repository, now) <= now]

    async def _tag_lists(self, repositories: Collection[str]) -> Mapping[str, TagList]:
        """Parsing a long list takes time, so it is parsed again only when it changed."""
        before, self._lists = self._lists, {}
        for repository in repositories:
            if listing := await self._versions.listing(repository):
                parsed = before.get(repository)
                unchanged = parsed if parsed and parsed.names == listing.names else None
                self._lists[repository] = unchanged or TagList.of(listing.names)
        return self._lists

    async def _step_in(self, ref: ImageRef) -> None:
        repository, now = ref.repository, self._clock.now()
        listing, facts = await self._versions.listing(repository), await self._versions.facts(repository)
        cursor = self._cursor(ref)
        try:
            answer = await cursor.ask(listing, facts)
        except RegistryError as error:
            answer = InferenceAnswer(cursor.reader.saved)
            self._resting[repository] = error.retry_at or now + RETRY_AFTER
        if answer.timeouts or answer.errors:
            self._resting[repository] = now + RETRY_AFTER
        if await self._store(repository, answer):
            await self._cursors.pop(repository).reader.close()

    async def close(self) -> None:
        """Forgets how far the repositories were read. Call it after the last step."""
        while self._cursors:
            await self._cursors.popitem()[1].reader.close()

    def _cursor(self, ref: ImageRef) -> _RepositoryCursor:
        if ref.repository not in self._cursors:
            reader = RegistryReader(self._registry, ref, self._images, self._clock)
            self._cursors[ref.repository] = _RepositoryCursor(reader, self._registry.has_bulk_api(ref))
        return self._cursors[ref.repository]

    async def _store(self, repository: str, answer: InferenceAnswer) -> bool:
        """Returns whether every tag of the repository is known now."""
        listing = (
            TagListing(repository, tuple(answer.names), self._clock.now())
            if answer.names is not None
            else None
        )
        facts = tuple(answer.facts.values())
        stored = await self._versions.learn(Observation(repository, facts, answer.gone, listing))
        if stored is None or stored.complete_at is None:
            return False
        log.info(
            f"The digests of all tags of {repository} are known: {counted(len(stored.names), 'tag')}",
            action="inference.repository_complete",
            repository=repository,
        )
        return True
