"""Goes on where a look stopped: when nobody waits, until every tag of a repository in use is known."""

import asyncio
from collections.abc import Collection, Container, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import structlog

from dockrev.clock import Clock
from dockrev.errors import RegistryError, StorageError
from dockrev.inference.asking import Asker, Images, Registry
from dockrev.inference.demand import DemandBook
from dockrev.inference.infer import HEADS_AT_ONCE, AskHeads, AskList, AskPage
from dockrev.inference.picture import Answer
from dockrev.inference.queue import TaskQueue
from dockrev.oci.digest import Digest
from dockrev.oci.ref import ImageRef
from dockrev.versions.models import Listing, Scan, Snapshot, TagFact
from dockrev.versions.state import RETRY_AFTER
from dockrev.versions.store import Findings, VersionStore
from dockrev.versions.tags import display_order, newest_first

log = structlog.get_logger()

_IDLE_SECONDS = 60.0
PACE_SECONDS = 10.0
"""Between two steps; a step is a few HEADs at one registry, or a page of its bulk API."""


@dataclass(slots=True)
class _Course:
    """How far this process is with a repository. `paging`: its bulk API has pages left."""

    asker: Asker
    paging: bool
    names: tuple[str, ...] = ()
    ordered: Sequence[str] = ()

    async def ask(self, listing: Listing | None, known: Container[str]) -> Answer:
        """Raises RegistryError."""
        if listing is None:
            return await self.asker.answer(AskList())
        if self.names != listing.names:
            self.names, self.ordered = listing.names, newest_first(listing.names)
        unknown = [name for name in self.ordered if name not in known]
        if not unknown:
            return Answer()
        if self.paging:
            answer = await self.asker.answer(AskPage())
            self.paging = answer.more
            return answer
        return await self.asker.answer(AskHeads(tuple(unknown[:HEADS_AT_ONCE]), len(unknown)))


class Completion:
    """Every step is stored, so that the next process goes on behind it."""

    def __init__(
        self,
        registry: Registry,
        versions: VersionStore,
        images: Images,
        queue: TaskQueue,
        book: DemandBook,
        clock: Clock,
    ) -> None:
        self._registry = registry
        self._versions = versions
        self._images = images
        self._queue = queue
        self._book = book
        self._clock = clock
        self._resting: dict[str, datetime] = {}
        self._courses: dict[str, _Course] = {}

    async def run(self) -> None:
        """Until cancelled."""
        try:
            made = 0
            while True:
                await asyncio.sleep(PACE_SECONDS if made else _IDLE_SECONDS)
                try:
                    made = await self.step()
                except StorageError as error:
                    log.warning("Tags not stored", action="inference.storage_failed", cause=error.message)
        finally:
            for course in self._courses.values():
                await course.asker.close()

    async def step(self) -> int:
        """One step for one repository of each registry that can spare it; returns how many were made."""
        if not self._queue.idle:
            return 0
        chosen: dict[str, ImageRef] = {}
        for ref in await self._waiting():
            if ref.registry not in chosen and self._registry.spare(ref):
                chosen[ref.registry] = ref
        for ref in chosen.values():
            await self._go_on(ref)
        return len(chosen)

    async def _waiting(self) -> list[ImageRef]:
        """The repositories in use that are not complete, and have not just failed."""
        complete, now = await self._versions.complete(), self._clock.now()
        targets = (await self._book.all()).values()
        refs = {target.ref.repository: target.ref for target in targets if target.required}
        return [
            ref
            for repository, ref in sorted(refs.items())
            if repository not in complete and self._resting.get(repository, now) <= now
        ]

    async def _go_on(self, ref: ImageRef) -> None:
        repository, now = ref.repository, self._clock.now()
        listing, facts = await self._versions.listing(repository), await self._versions.facts(repository)
        course = self._course(ref)
        try:
            answer = await course.ask(listing, facts)
        except RegistryError as error:
            answer = Answer(course.asker.saved)
            self._resting[repository] = error.retry_at or now + RETRY_AFTER
        if answer.timeouts or answer.errors:
            self._resting[repository] = now + RETRY_AFTER
        if await self._store(repository, listing, facts, answer):
            del self._courses[repository]
            await course.asker.close()

    def _course(self, ref: ImageRef) -> _Course:
        if ref.repository not in self._courses:
            asker = Asker(self._registry, ref, self._images, self._clock)
            self._courses[ref.repository] = _Course(asker, self._registry.bulk(ref) is not None)
        return self._courses[ref.repository]

    async def _store(
        self, repository: str, listing: Listing | None, facts: Mapping[str, TagFact], answer: Answer
    ) -> bool:
        """Whether the repository is complete now."""
        now, known = self._clock.now(), {**facts, **answer.facts}
        found = answer.names if answer.names is not None else listing.names if listing else None
        if found is None:
            return False
        names = tuple(name for name in found if name not in answer.gone)
        listed_at = now if listing is None or answer.names is not None else listing.listed_at
        complete = set(names) <= known.keys()
        await self._versions.learn(
            Findings(
                repository,
                tuple(answer.facts.values()),
                answer.gone,
                Listing(repository, names, listed_at, now if complete else None),
                await self._renewed(repository, names, known) if complete else (),
            )
        )
        if complete:
            log.info(
                f"All {len(names)} tags of {repository} are known",
                action="inference.repository_complete",
                repository=repository,
            )
        return complete

    async def _renewed(
        self, repository: str, names: Collection[str], known: Mapping[str, TagFact]
    ) -> list[Snapshot]:
        """Now every tag of a digest can be named. A snapshot's age stays: nothing it said was asked again."""
        scan = Scan(len(names), len(names), len(names))
        return [
            replace(snapshot, scan=scan, tags=tuple(display_order(_naming(snapshot.key.digest, known))))
            for snapshot in await self._versions.snapshots(repository)
        ]


def _naming(digest: Digest, known: Mapping[str, TagFact]) -> list[str]:
    return [tag for tag, fact in known.items() if fact.names(digest)]
