"""Looks one digest up in its repository: collects what is known, asks the registry, draws the conclusion."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from dockrev.clock import Clock
from dockrev.errors import RegistryError, RegistryErrorCode
from dockrev.images.store import ImageStore
from dockrev.inference.evidence import InferenceAnswer, RepositoryEvidence, is_version
from dockrev.inference.freshness import is_fact_fresh, is_list_fresh
from dockrev.inference.infer import AskHeads, InferenceQuestion, LookupInput, infer
from dockrev.inference.registry_reader import RegistryReader, children_of
from dockrev.inference.tag_list import TagList
from dockrev.registry.client import RegistryClient
from dockrev.versions.models import (
    DigestKey,
    DigestSnapshot,
    InferencePhase,
    InferenceProgress,
    InferenceReason,
    InferenceTask,
    ScanCounts,
    TagFact,
    TagListing,
)
from dockrev.versions.observe import Observation
from dockrev.versions.state import STALE_AFTER
from dockrev.versions.store import VersionStore
from dockrev.versions.tags import display_order


@dataclass(frozen=True, slots=True)
class LookupOutcome:
    """`failed`: the version stays unknown because the registry failed. `error`: what ended the lookup."""

    findings: Observation
    snapshot: DigestSnapshot
    failed: bool
    error: RegistryError | None

    @property
    def defer_until(self) -> datetime | None:
        """Set when the registry stopped the lookup with a rate limit before the version was found."""
        limited = self.error is not None and self.error.reason is RegistryErrorCode.RATE_LIMITED
        return self.error.retry_at if self.error and limited and self.failed else None


OnProgress = Callable[[InferenceProgress], None]


class DigestLookup:
    def __init__(
        self, registry: RegistryClient, versions: VersionStore, images: ImageStore, clock: Clock
    ) -> None:
        self._registry = registry
        self._versions = versions
        self._images = images
        self._clock = clock

    async def run(self, task: InferenceTask, watch: OnProgress) -> LookupOutcome:
        """Stores nothing. A RegistryError is part of the outcome and never raised."""
        repository, ref = task.key.repository, task.lookup.ref
        stored = await self._versions.facts(repository)
        known = stored | await self._seen_by_checks(repository, stored)
        listing = await self._versions.listing(repository)
        bulk = self._registry.has_bulk_api(ref)
        given = build_input(task, known, listing, self._clock.now(), bulk=bulk)
        evidence = given.evidence()
        reader = RegistryReader(self._registry, ref, self._images, self._clock, known)
        report = _Reporter(watch, self._clock)
        try:
            error = await self._ask(given, evidence, reader, report)
        finally:
            await reader.close()
        report.phase(InferencePhase.PERSIST, "storing what was found")
        result = _LookupResult(task.key, given, evidence, stored, known, reader.saved, listing, error)
        return result.outcome(self._clock.now())

    async def _seen_by_checks(self, repository: str, stored: Mapping[str, TagFact]) -> dict[str, TagFact]:
        """What checks saw more recently than the stored facts."""
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
        self, given: LookupInput, evidence: RepositoryEvidence, reader: RegistryReader, report: "_Reporter"
    ) -> RegistryError | None:
        inquiry = infer(given, evidence)
        try:
            question = next(inquiry)
            while True:
                report.asking(question)
                answer = await reader.answer(question, report.answered)
                question = inquiry.send(answer)
        except StopIteration:
            return None
        except RegistryError as error:
            evidence.add(InferenceAnswer(reader.saved))
            return error
        finally:
            inquiry.close()


@dataclass(frozen=True, slots=True)
class _LookupResult:
    """What a lookup ended with. `stored`: facts of the database. `known`: facts before the lookup began.

    `answered`: facts that the registry gave during the lookup.
    """

    key: DigestKey
    given: LookupInput
    evidence: RepositoryEvidence
    stored: Mapping[str, TagFact]
    known: Mapping[str, TagFact]
    answered: Mapping[str, TagFact]
    listing: TagListing | None
    error: RegistryError | None

    def outcome(self, now: datetime) -> LookupOutcome:
        now_known = {**self.known, **self.answered}
        learned = {tag: fact for tag, fact in now_known.items() if self.stored.get(tag) != fact}
        findings = Observation(
            repository=self.key.repository,
            facts=tuple(learned.values()),
            gone=self.evidence.gone,
            listing=self._listing(now),
        )
        asked_in_vain = bool(self.evidence.timeouts or self.evidence.errors) and not self.answered
        if not self.evidence.version_tags and (self.error is not None or asked_in_vain):
            snapshot = DigestSnapshot(self.key, (), now, _failed_scan(self.evidence, self.error))
            return LookupOutcome(findings, snapshot, True, self.error)
        tags = tuple(display_order(self.evidence.matches))
        return LookupOutcome(
            findings,
            DigestSnapshot(self.key, tags, self._checked_at(now), self.evidence.scan()),
            False,
            self.error,
        )

    def _checked_at(self, now: datetime) -> datetime:
        """A version that rests on older facts is as old as the newest of them."""
        seen = [self.evidence.facts[tag].seen_at for tag in self.evidence.version_tags]
        return max(seen, default=now)

    def _listing(self, now: datetime) -> TagListing | None:
        """Adds the tags that the lookup saw to an older list."""
        if self.evidence.names is None:
            return None
        there = {*self.evidence.names, *self.answered} - self.evidence.gone
        read_now = self.evidence.listed and not self.given.listed
        listed_at = now if read_now or self.listing is None else self.listing.listed_at
        return TagListing(self.key.repository, tuple(sorted(there)), listed_at)


def build_input(
    task: InferenceTask,
    known: Mapping[str, TagFact],
    listing: TagListing | None,
    now: datetime,
    *,
    bulk: bool,
) -> LookupInput:
    """When the operator ordered the lookup, older facts about the digest are asked again."""
    force, digest = task.reason is InferenceReason.FORCE, task.key.digest
    tag_list = TagList.of(listing.names) if listing else None
    believed = {
        tag: fact
        for tag, fact in known.items()
        if is_fact_fresh(fact, tag_list, now)
        and not (force and fact.names(digest) and fact.seen_at < task.enqueued_at)
    }
    stale_matches = [tag for tag, fact in known.items() if tag not in believed and fact.names(digest)]
    return LookupInput(
        digest=digest,
        raw_tags=task.lookup.raw_tags,
        labels=task.lookup.labels,
        facts=believed,
        stale_matches=tuple(tag for tag in stale_matches if is_version(tag, tag_list)),
        stale_other_tags=tuple(tag for tag in stale_matches if force and not is_version(tag, tag_list)),
        tag_list=tag_list,
        listed=listing is not None and listing.listed_at >= task.enqueued_at,
        list_fresh=task.lookup.runs and not force and is_list_fresh(listing, now),
        list_usable=listing is not None and not force and now - listing.listed_at < STALE_AFTER,
        bulk=bulk,
        force=force,
        asked_at=now if force else task.enqueued_at,
    )


def _failed_scan(evidence: RepositoryEvidence, error: RegistryError | None) -> ScanCounts:
    """A tag list that could not be read counts as one error."""
    if error is not None and not evidence.timeouts | evidence.errors:
        late = error.reason is RegistryErrorCode.TIMEOUT
        return ScanCounts(timeout=int(late), error=int(not late))
    timeouts, errors = len(evidence.timeouts), len(evidence.errors)
    return ScanCounts(len(evidence.names or ()), timeouts + errors, 0, timeouts, errors)


class _Reporter:
    """Reports questions and answers as progress."""

    def __init__(self, watch: OnProgress, clock: Clock) -> None:
        self._watch = watch
        self._clock = clock
        self._assigned = self._result = self._total = 0

    def phase(self, phase: InferencePhase, message: str) -> None:
        now = self._clock.now()
        self._watch(InferenceProgress(phase, message, self._assigned, self._result, self._total, now))

    def asking(self, question: InferenceQuestion) -> None:
        if isinstance(question, AskHeads):
            self._total = max(question.expected, self._assigned + len(question.tags))
        else:
            self.phase(InferencePhase.LISTING_TAGS, "reading the tag list")

    def answered(self, good: bool) -> None:
        self._assigned += 1
        self._result += good
        self.phase(InferencePhase.SCANNING, f"scanning manifests ({self._assigned}/{self._total})")
