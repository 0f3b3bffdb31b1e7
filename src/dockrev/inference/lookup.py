"""Looks up the version of one digest: collects stored facts, asks the registry, and makes the snapshot."""

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
    """`failed`: the version stays unknown because the registry failed. `error`: the error that ended it."""

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
        """Stores nothing. Never raises RegistryError: the outcome has it."""
        repository, ref = task.key.repository, task.lookup.ref
        stored = await self._versions.facts(repository)
        known = stored | await self._seen_by_checks(repository, stored)
        listing = await self._versions.listing(repository)
        bulk = self._registry.has_bulk_api(ref)
        lookup_input = build_input(task, known, listing, self._clock.now(), bulk=bulk)
        evidence = lookup_input.evidence()
        reader = RegistryReader(self._registry, ref, self._images, self._clock, known)
        report = _Reporter(watch, self._clock)
        try:
            error = await self._ask(lookup_input, evidence, reader, report)
        finally:
            await reader.close()
        report.phase(InferencePhase.PERSIST, "storing the result")
        result = _LookupResult(task.key, lookup_input, evidence, stored, known, reader.saved, listing, error)
        return result.outcome(self._clock.now())

    async def _seen_by_checks(self, repository: str, stored: Mapping[str, TagFact]) -> dict[str, TagFact]:
        """The tags that a check saw more recently than the stored facts."""
        newer: list[TagFact] = []
        for state in await self._images.tags_of(repository):
            if state.digest is None or state.checked_at is None:
                continue
            before = stored.get(state.tag)
            if before is None or before.seen_at < state.checked_at:
                newer.append(TagFact(repository, state.tag, state.digest, state.checked_at))
        images = await self._images.facts({fact.digest for fact in newer})
        return {
            fact.tag: replace(fact, children=children_of(images[fact.digest]))
            if fact.digest in images
            else fact
            for fact in newer
        }

    async def _ask(
        self,
        lookup_input: LookupInput,
        evidence: RepositoryEvidence,
        reader: RegistryReader,
        report: "_Reporter",
    ) -> RegistryError | None:
        inquiry = infer(lookup_input, evidence)
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
    """The result of a lookup. `stored`: the facts of the database. `known`: these, and newer ones of checks.

    `answered`: the facts that the registry gave during the lookup.
    """

    key: DigestKey
    lookup_input: LookupInput
    evidence: RepositoryEvidence
    stored: Mapping[str, TagFact]
    known: Mapping[str, TagFact]
    answered: Mapping[str, TagFact]
    listing: TagListing | None
    error: RegistryError | None

    def outcome(self, now: datetime) -> LookupOutcome:
        facts = {**self.known, **self.answered}
        learned = {tag: fact for tag, fact in facts.items() if self.stored.get(tag) != fact}
        findings = Observation(
            repository=self.key.repository,
            facts=tuple(learned.values()),
            gone=self.evidence.gone,
            listing=self._listing(now),
        )
        all_failed = bool(self.evidence.timeouts or self.evidence.errors) and not self.answered
        if not self.evidence.version_tags and (self.error is not None or all_failed):
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
        """If stored facts show the version, the snapshot is as old as the newest of these facts."""
        seen = [self.evidence.facts[tag].seen_at for tag in self.evidence.version_tags]
        return max(seen, default=now)

    def _listing(self, now: datetime) -> TagListing | None:
        """The tag list with the tags that the lookup saw, and without those that do not exist any more."""
        if self.evidence.names is None:
            return None
        tags = {*self.evidence.names, *self.answered} - self.evidence.gone
        read_now = self.evidence.listed and not self.lookup_input.listed
        listed_at = now if read_now or self.listing is None else self.listing.listed_at
        return TagListing(self.key.repository, tuple(sorted(tags)), listed_at)


def build_input(
    task: InferenceTask,
    known: Mapping[str, TagFact],
    listing: TagListing | None,
    now: datetime,
    *,
    bulk: bool,
) -> LookupInput:
    """If the operator ordered the lookup, it asks all tags again that name the digest by an older fact."""
    force, digest = task.reason is InferenceReason.FORCE, task.key.digest
    tag_list = TagList.of(listing.names) if listing else None
    trusted = {
        tag: fact
        for tag, fact in known.items()
        if is_fact_fresh(fact, tag_list, now)
        and not (force and fact.names(digest) and fact.seen_at < task.enqueued_at)
    }
    stale_matches = [tag for tag, fact in known.items() if tag not in trusted and fact.names(digest)]
    return LookupInput(
        digest=digest,
        raw_tags=task.lookup.raw_tags,
        labels=task.lookup.labels,
        facts=trusted,
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
        timed_out = error.reason is RegistryErrorCode.TIMEOUT
        return ScanCounts(timeout=int(timed_out), error=int(not timed_out))
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

    def answered(self, succeeded: bool) -> None:
        self._assigned += 1
        self._result += succeeded
        self.phase(InferencePhase.SCANNING, f"scanning manifests ({self._assigned}/{self._total})")
