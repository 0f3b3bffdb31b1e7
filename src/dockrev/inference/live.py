"""The tags of a repository and the ones that name a digest, asked while somebody waits for the answer."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile

from dockrev.clock import Clock
from dockrev.errors import AppError, RegistryError, RegistryErrorCode
from dockrev.inference.asking import Asker, Images, Registry
from dockrev.inference.infer import AGAIN_AT_MOST, AskHeads, AskPage, seen_before
from dockrev.inference.look import LIST_FRESH, MOVING_FRESH
from dockrev.inference.picture import Answer, Picture
from dockrev.inference.tag_list import TagList
from dockrev.oci.digest import Digest
from dockrev.oci.ref import ImageRef
from dockrev.versions.learning import Findings
from dockrev.versions.models import Listing, Scan
from dockrev.versions.state import STALE_AFTER
from dockrev.versions.store import VersionStore
from dockrev.versions.tags import display_order

LIST_SECONDS = 8.0
MANIFEST_SECONDS = 6.0
SCAN_SECONDS = 40.0
AT_ONCE = 10


@dataclass(frozen=True, slots=True)
class LiveTags:
    names: tuple[str, ...]
    tags: tuple[str, ...]
    scan: Scan


@dataclass(frozen=True, slots=True)
class Patience:
    list_seconds: float = LIST_SECONDS
    manifest_seconds: float = MANIFEST_SECONDS
    scan_seconds: float = SCAN_SECONDS


class LiveLookup:
    """Asks only what is not known, or not for sure any more, and stores what it learns."""

    def __init__(
        self,
        registry: Registry,
        versions: VersionStore,
        images: Images,
        clock: Clock,
        patience: Patience = Patience(),
    ) -> None:
        self._registry = registry
        self._versions = versions
        self._images = images
        self._clock = clock
        self._patience = patience

    async def names(self, ref: ImageRef) -> LiveTags:
        listing = await self._listing(ref)
        return LiveTags(listing.names, (), Scan(total=len(listing.names)))

    async def find(self, ref: ImageRef, digest: Digest) -> LiveTags:
        """What is not reached in time counts as such. Raises AppError when there is no tag list."""
        began = self._clock.now()
        listing = await self._listing(ref)
        picture = await self._picture(ref, digest, listing.names)
        asker = Asker(self._registry, ref, self._images, self._clock)
        scan = _Scan(picture, asker, self._patience.manifest_seconds)
        try:
            async with asyncio.timeout(self._patience.scan_seconds):
                await scan.run(listing.names, paged=self._registry.bulk(ref) is not None)
                await scan.again(began, ref.tag or "latest")
        except TimeoutError:
            picture.add(Answer(timeouts=picture.unknown(listing.names)))
        finally:
            await asker.close()
        await self._store(listing, picture, asker)
        return LiveTags(listing.names, tuple(display_order(picture.matches)), picture.scan())

    async def _listing(self, ref: ImageRef) -> Listing:
        known, now = await self._versions.listing(ref.repository), self._clock.now()
        if known is not None and now - known.listed_at < LIST_FRESH:
            return known
        listing = Listing(ref.repository, await self._names(ref), now)
        await self._versions.learn(Findings(ref.repository, listing=listing))
        return listing

    async def _names(self, ref: ImageRef) -> tuple[str, ...]:
        try:
            async with asyncio.timeout(self._patience.list_seconds):
                return tuple(await self._registry.tags(ref))
        except TimeoutError as error:
            raise AppError("registry timeout", {"op": "list_tags"}) from error
        except RegistryError as error:
            if error.reason is RegistryErrorCode.TIMEOUT:
                raise AppError("registry timeout", {"op": "list_tags"}) from error
            raise AppError("registry error", {"cause": error.message}) from error

    async def _picture(self, ref: ImageRef, digest: Digest, names: Sequence[str]) -> Picture:
        tag_list, now = TagList.of(names), self._clock.now()
        listed, known = set(names), (await self._versions.facts(ref.repository)).items()
        valid = {
            tag: fact
            for tag, fact in known
            if tag in listed and now - fact.seen_at < (STALE_AFTER if tag_list.tells(tag) else MOVING_FRESH)
        }
        return Picture(digest, valid, tag_list, listed=True)

    async def _store(self, listing: Listing, picture: Picture, asker: Asker) -> None:
        facts = tuple(asker.saved.values())
        await self._versions.learn(Findings(listing.repository, facts, picture.gone, listing))


class _Scan:
    """Asks for tag after tag, several at once, until all are known or the registry refuses."""

    def __init__(self, picture: Picture, asker: Asker, seconds_each: float) -> None:
        self._picture = picture
        self._asker = asker
        self._seconds_each = seconds_each
        self._refused = False

    async def run(self, names: Sequence[str], *, paged: bool) -> None:
        while paged and self._picture.unknown(names):
            answer = await self._asker.answer(AskPage())
            self._picture.add(answer)
            paged = answer.more
        waiting = iter(self._picture.unknown(names))
        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(self._ask(waiting))
        if self._refused:
            self._picture.add(Answer(errors=self._picture.unknown(names)))

    async def again(self, before: datetime, like: str) -> None:
        """When nothing says which version it is, one that was pushed again may."""
        tag_list = self._picture.tag_list
        if tag_list is None or self._picture.telling:
            return
        newest = [version.tag for version in tag_list.newest_first(like)]
        versions = seen_before(before, self._picture, newest)[:AGAIN_AT_MOST]
        await self._ask(takewhile(lambda _: not self._picture.telling, versions))

    async def _ask(self, waiting: Iterator[str]) -> None:
        for tag in waiting:
            if self._refused:
                return
            try:
                async with asyncio.timeout(self._seconds_each):
                    self._picture.add(await self._asker.answer(AskHeads((tag,), 1)))
            except TimeoutError:
                self._picture.add(Answer(timeouts=[tag]))
            except RegistryError:
                self._refused = True
