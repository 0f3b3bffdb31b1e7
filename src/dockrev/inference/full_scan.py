"""Asks a registry for all tags of a repository that name a digest, while a client waits for the answer."""

import asyncio
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile

from dockrev.clock import Clock
from dockrev.errors import AppError, RegistryError, RegistryErrorCode
from dockrev.images.store import ImageStore
from dockrev.inference.evidence import InferenceAnswer, RepositoryEvidence
from dockrev.inference.freshness import is_fact_fresh, is_list_fresh
from dockrev.inference.infer import AGAIN_AT_MOST, AskHeads, AskPage, seen_before
from dockrev.inference.registry_reader import RegistryReader
from dockrev.inference.tag_list import TagList
from dockrev.oci.digest import Digest
from dockrev.oci.ref import ImageRef
from dockrev.registry.client import RegistryClient
from dockrev.signals import Wakeup
from dockrev.versions.models import ScanCounts, TagListing
from dockrev.versions.observe import Observation
from dockrev.versions.store import VersionStore
from dockrev.versions.tags import display_order

LIST_SECONDS = 8.0
MANIFEST_SECONDS = 6.0
SCAN_SECONDS = 40.0
AT_ONCE = 10
_UNSTORED = 100
"""So many observations are kept in memory while the database cannot store them."""


@dataclass(frozen=True, slots=True)
class ScannedTags:
    names: tuple[str, ...]
    tags: tuple[str, ...]
    scan: ScanCounts


@dataclass(frozen=True, slots=True)
class ScanTimeouts:
    list_seconds: float = LIST_SECONDS
    manifest_seconds: float = MANIFEST_SECONDS
    scan_seconds: float = SCAN_SECONDS


class FullScan:
    """Asks only about tags whose stored fact is missing or too old.

    It keeps its results in memory until `store_learned` stores them, because a GET writes nothing.
    """

    def __init__(
        self,
        registry: RegistryClient,
        versions: VersionStore,
        images: ImageStore,
        clock: Clock,
        timeouts: ScanTimeouts = ScanTimeouts(),
    ) -> None:
        self._registry = registry
        self._versions = versions
        self._images = images
        self._clock = clock
        self._timeouts = timeouts
        self._learned: deque[Observation] = deque(maxlen=_UNSTORED)
        self.learned = Wakeup()
        """Wakes when `store_learned` has work."""

    async def store_learned(self) -> None:
        """Raises StorageError, and keeps the results for the next try."""
        while self._learned:
            observation = self._learned[0]
            await self._versions.learn(observation)
            with suppress(ValueError):  # the deque was full meanwhile and dropped this one
                self._learned.remove(observation)

    def _learn(self, observation: Observation) -> None:
        self._learned.append(observation)
        self.learned.wake()

    async def names(self, ref: ImageRef) -> ScannedTags:
        """Reads only the tag list. Raises AppError when the registry does not answer."""
        listing = await self._listing(ref)
        return ScannedTags(listing.names, (), ScanCounts(total=len(listing.names)))

    async def find(self, ref: ImageRef, digest: Digest) -> ScannedTags:
        """Finds the tags that name the digest. Tags without an answer in time count as timeouts.

        Raises AppError when the registry does not answer the request for the tag list.
        """
        began = self._clock.now()
        listing = await self._listing(ref)
        evidence = await self._evidence(ref, digest, listing.names)
        reader = RegistryReader(self._registry, ref, self._images, self._clock)
        scan = _Scan(evidence, reader, self._timeouts.manifest_seconds)
        try:
            async with asyncio.timeout(self._timeouts.scan_seconds):
                await scan.run(listing.names, paged=self._registry.has_bulk_api(ref))
                await scan.again(began, ref.tag or "latest")
        except TimeoutError:
            evidence.add(InferenceAnswer(timeouts=evidence.unknown(listing.names)))
        finally:
            await reader.close()
        facts = tuple(reader.saved.values())
        self._learn(Observation(ref.repository, facts, evidence.gone, listing))
        return ScannedTags(listing.names, tuple(display_order(evidence.matches)), evidence.scan())

    async def _listing(self, ref: ImageRef) -> TagListing:
        stored, now = await self._versions.listing(ref.repository), self._clock.now()
        if stored is not None and is_list_fresh(stored, now):
            return stored
        listing = TagListing(ref.repository, await self._names(ref), now)
        self._learn(Observation(ref.repository, listing=listing))
        return listing

    async def _names(self, ref: ImageRef) -> tuple[str, ...]:
        try:
            async with asyncio.timeout(self._timeouts.list_seconds):
                return tuple(await self._registry.tags(ref))
        except TimeoutError as error:
            raise AppError("registry timeout", {"op": "list_tags"}) from error
        except RegistryError as error:
            if error.reason is RegistryErrorCode.TIMEOUT:
                raise AppError("registry timeout", {"op": "list_tags"}) from error
            raise AppError("registry error", {"cause": error.message}) from error

    async def _evidence(self, ref: ImageRef, digest: Digest, names: Sequence[str]) -> RepositoryEvidence:
        tag_list, now = TagList.of(names), self._clock.now()
        listed, stored = set(names), (await self._versions.facts(ref.repository)).items()
        valid = {tag: fact for tag, fact in stored if tag in listed and is_fact_fresh(fact, tag_list, now)}
        return RepositoryEvidence(digest, valid, tag_list, listed=True)


class _Scan:
    """Asks about all unknown tags, several at the same time, until the registry refuses."""

    def __init__(self, evidence: RepositoryEvidence, reader: RegistryReader, seconds_each: float) -> None:
        self._evidence = evidence
        self._reader = reader
        self._seconds_each = seconds_each
        self._refused = False

    async def run(self, names: Sequence[str], *, paged: bool) -> None:
        while paged and self._evidence.unknown(names):
            answer = await self._reader.answer(AskPage())
            self._evidence.add(answer)
            paged = answer.more
        waiting = iter(self._evidence.unknown(names))
        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(self._ask(waiting))
        if self._refused:
            self._evidence.add(InferenceAnswer(errors=self._evidence.unknown(names)))

    async def again(self, before: datetime, like: str) -> None:
        """When no version names the digest, asks the newest ones again: one may have been pushed again."""
        tag_list = self._evidence.tag_list
        if tag_list is None or self._evidence.version_tags:
            return
        newest = [version.tag for version in tag_list.newest_first(like)]
        versions = seen_before(before, self._evidence, newest)[:AGAIN_AT_MOST]
        await self._ask(takewhile(lambda _: not self._evidence.version_tags, versions))

    async def _ask(self, waiting: Iterator[str]) -> None:
        for tag in waiting:
            if self._refused:
                return
            try:
                async with asyncio.timeout(self._seconds_each):
                    self._evidence.add(await self._reader.answer(AskHeads((tag,), 1)))
            except TimeoutError:
                self._evidence.add(InferenceAnswer(timeouts=[tag]))
            except RegistryError:
                self._refused = True
