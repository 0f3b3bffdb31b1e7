"""One look at a repository for the sake of one digest: what is known, what is asked, what follows."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from dockrev.clock import Clock
from dockrev.errors import RegistryError, RegistryErrorCode
from dockrev.inference.asking import Asker, Images, Registry, children_of
from dockrev.inference.demand import Target
from dockrev.inference.infer import AskHeads, Case, Question, infer
from dockrev.inference.picture import Answer, Picture, tells
from dockrev.inference.tag_list import TagList
from dockrev.versions.learning import Findings
from dockrev.versions.models import (
    DigestKey,
    InferenceReason,
    Listing,
    Phase,
    Progress,
    Scan,
    Snapshot,
    TagFact,
    Task,
)
from dockrev.versions.state import STALE_AFTER
from dockrev.versions.store import VersionStore
from dockrev.versions.tags import display_order

LIST_FRESH = timedelta(minutes=10)
MOVING_FRESH = timedelta(days=1)
"""How long it is believed what a tag names that is no whole version, such as `1.27` or `nightly`."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """`failed`: the version is not known because the registry failed; `error`: what ended the look."""

    findings: Findings
    snapshot: Snapshot
    failed: bool
    error: RegistryError | None

    @property
    def put_off_until(self) -> datetime | None:
        """The registry asked for silence before the version was found."""
        limited = self.error is not None and self.error.reason is RegistryErrorCode.RATE_LIMITED
        return self.error.retry_at if self.error and limited and self.failed else None


Watch = Callable[[Progress], None]


class Looker:
    def __init__(self, registry: Registry, versions: VersionStore, images: Images, clock: Clock) -> None:
        self._registry = registry
        self._versions = versions
        self._images = images
        self._clock = clock

    async def look(self, task: Task, target: Target, watch: Watch) -> Outcome:
        """Stores nothing. Never raises RegistryError: that is an outcome."""
        repository = task.key.repository
        stored = await self._versions.facts(repository)
        known = stored | await self._seen_by_checks(repository, stored)
        listing = await self._versions.listing(repository)
        bulk = self._registry.bulk(target.ref) is not None
        case = build_case(task, target, known, listing, self._clock.now(), bulk=bulk)
        picture = case.picture()
        asker = Asker(self._registry, target.ref, self._images, self._clock, known)
        report = _Reporter(watch, self._clock)
        try:
            error = await self._ask(case, picture, asker, report)
        finally:
            await asker.close()
        report.phase(Phase.PERSIST, "storing what was found")
        evidence = _Evidence(task.key, case, picture, stored, known, asker.saved, listing, error)
        return evidence.outcome(self._clock.now())

    async def _seen_by_checks(self, repository: str, stored: Mapping[str, TagFact]) -> dict[str, TagFact]:
        """What checks saw the watched tags name, where that is news."""
        news: list[TagFact] = []
        for state in await self._images.tags_of(repository):
            if state.digest is None or state.checked_at is None:
                continue
            before = stored.get(state.tag)
            if before is None or before.seen_at < state.checked_at:
                news.append(TagFact(repository, state.tag, state.digest, state.checked_at))
        images = await self._images.facts({fact.digest for fact in news})
        return {
            fact.tag: replace(fact, children=children_of(images[fact.digest]))
            if fact.digest in images
            else fact
            for fact in news
        }

    async def _ask(
        self, case: Case, picture: Picture, asker: Asker, report: "_Reporter"
    ) -> RegistryError | None:
        inquiry = infer(case, picture)
        try:
            question = next(inquiry)
            while True:
                report.asking(question)
                answer = await asker.answer(question, report.answered)
                question = inquiry.send(answer)
        except StopIteration:
            return None
        except RegistryError as error:
            picture.add(Answer(asker.saved))
            return error
        finally:
            inquiry.close()


@dataclass(frozen=True, slots=True)
class _Evidence:
    """What a look ended with. `stored` was in the database, `known` before it began, `answered` by then."""

    key: DigestKey
    case: Case
    picture: Picture
    stored: Mapping[str, TagFact]
    known: Mapping[str, TagFact]
    answered: Mapping[str, TagFact]
    listing: Listing | None
    error: RegistryError | None

    def outcome(self, now: datetime) -> Outcome:
        now_known = {**self.known, **self.answered}
        learned = {tag: fact for tag, fact in now_known.items() if self.stored.get(tag) != fact}
        findings = Findings(
            repository=self.key.repository,
            facts=tuple(learned.values()),
            gone=self.picture.gone,
            listing=self._listing(now),
        )
        asked_in_vain = bool(self.picture.timeouts or self.picture.errors) and not self.answered
        if not self.picture.telling and (self.error is not None or asked_in_vain):
            snapshot = Snapshot(self.key, (), now, _failed_scan(self.picture, self.error))
            return Outcome(findings, snapshot, True, self.error)
        tags = tuple(display_order(self.picture.matches))
        return Outcome(
            findings, Snapshot(self.key, tags, self._checked_at(now), self.picture.scan()), False, self.error
        )

    def _checked_at(self, now: datetime) -> datetime:
        """An answer that rests on what was seen earlier is as old as that."""
        seen = [self.picture.facts[tag].seen_at for tag in self.picture.telling]
        return max(seen, default=now)

    def _listing(self, now: datetime) -> Listing | None:
        """An older list learns of the tags that were found beside it."""
        if self.picture.names is None:
            return None
        there = {*self.picture.names, *self.answered} - self.picture.gone
        read_now = self.picture.listed and not self.case.listed
        listed_at = now if read_now or self.listing is None else self.listing.listed_at
        return Listing(self.key.repository, tuple(sorted(there)), listed_at)


def build_case(
    task: Task,
    target: Target,
    known: Mapping[str, TagFact],
    listing: Listing | None,
    now: datetime,
    *,
    bulk: bool,
) -> Case:
    """Facts are believed while they are young; what the operator doubts is asked again."""
    force, digest = task.reason is InferenceReason.FORCE, task.key.digest
    tag_list = TagList.of(listing.names) if listing else None
    believed = {
        tag: fact
        for tag, fact in known.items()
        if now - fact.seen_at < (STALE_AFTER if tells(tag, tag_list) else MOVING_FRESH)
        and not (force and fact.names(digest) and fact.seen_at < task.enqueued_at)
    }
    doubted = [tag for tag, fact in known.items() if tag not in believed and fact.names(digest)]
    return Case(
        digest=digest,
        raw_tags=target.raw_tags,
        labels=target.labels,
        facts=believed,
        doubted=tuple(tag for tag in doubted if tells(tag, tag_list)),
        beside=tuple(tag for tag in doubted if force and not tells(tag, tag_list)),
        tag_list=tag_list,
        listed=listing is not None and listing.listed_at >= task.enqueued_at,
        recent=listing is not None and target.runs and not force and now - listing.listed_at < LIST_FRESH,
        believed=listing is not None and not force and now - listing.listed_at < STALE_AFTER,
        bulk=bulk,
        force=force,
        asked_at=now if force else task.enqueued_at,
    )


def _failed_scan(picture: Picture, error: RegistryError | None) -> Scan:
    """A list that could not be read counts as one error, and nothing else."""
    if error is not None and not picture.timeouts | picture.errors:
        late = error.reason is RegistryErrorCode.TIMEOUT
        return Scan(timeout=int(late), error=int(not late))
    timeouts, errors = len(picture.timeouts), len(picture.errors)
    return Scan(len(picture.names or ()), timeouts + errors, 0, timeouts, errors)


class _Reporter:
    """Turns questions and answers into progress."""

    def __init__(self, watch: Watch, clock: Clock) -> None:
        self._watch = watch
        self._clock = clock
        self._assigned = self._result = self._total = 0

    def phase(self, phase: Phase, message: str) -> None:
        now = self._clock.now()
        self._watch(Progress(phase, message, self._assigned, self._result, self._total, now))

    def asking(self, question: Question) -> None:
        if isinstance(question, AskHeads):
            self._total = max(question.expected, self._assigned + len(question.tags))
        else:
            self.phase(Phase.LISTING_TAGS, "reading the tag list")

    def answered(self, good: bool) -> None:
        self._assigned += 1
        self._result += good
        self.phase(Phase.SCANNING, f"scanning manifests ({self._assigned}/{self._total})")
