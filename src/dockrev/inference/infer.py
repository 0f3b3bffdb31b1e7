"""Finds the version of a digest with as few requests as possible. No I/O: `infer` yields questions, and the
caller sends the answers back.

Stored facts cost nothing. If they do not show the version, one HEAD proves the label of the image. Then the
bulk API lists tags with their digests. Then the lookup reads the tag list and asks its tags, a few at a time,
the newest first. Last, it asks the newest versions with stored facts: one may have been pushed again.
"""

import re
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import takewhile

from dockrev.inference.candidates import candidates
from dockrev.inference.evidence import InferenceAnswer, RepositoryEvidence
from dockrev.inference.tag_list import TagList
from dockrev.oci.digest import Digest
from dockrev.versions.models import TagFact
from dockrev.versions.tags import flavour, is_strict_semver, parse_version, resolved, successors

HEADS_AT_ONCE = 4
HEAD_BUDGET = 40
"""HEADs for one lookup. The backfill asks about the rest of the repository."""
PAGE_BUDGET = 5
LONG_LIST = 3_000
"""A list of this length has at least three pages, or thirty at a registry with 100 tags on a page."""
AGAIN_AT_MOST = 8
"""HEADs that are reserved for versions that name another digest according to stored facts."""

_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")


@dataclass(frozen=True, slots=True)
class AskHeads:
    """Which digests do these tags name? `expected`: the number of HEADs that may follow, with these."""

    tags: tuple[str, ...]
    expected: int


@dataclass(frozen=True, slots=True)
class AskList:
    """Which tags does the repository have?"""


@dataclass(frozen=True, slots=True)
class AskPage:
    """The next page of the bulk API."""


InferenceQuestion = AskHeads | AskList | AskPage
Inquiry = Generator[InferenceQuestion, InferenceAnswer, None]


@dataclass(frozen=True, slots=True)
class LookupInput:
    """What is known before the lookup.

    `facts`: fresh facts, which are trusted. `stale_matches`: versions with an old fact that they name the
    digest; they are asked first. `stale_other_tags`: other tags with such a fact; they are asked at the end.

    `tag_list`: the stored list. `listed`: it was read for this lookup. `list_fresh`: it was read a short time
    ago, and the digest runs here, so its tags should be in the list. `list_usable`: it is at most 7 days old,
    so the lookup may guess the releases after its newest one. `force`: the list is read again in any case.

    `asked_at`: tags with older facts may be asked again when nothing else helps.
    """

    digest: Digest
    raw_tags: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    facts: Mapping[str, TagFact] = field(default_factory=dict)
    stale_matches: tuple[str, ...] = ()
    stale_other_tags: tuple[str, ...] = ()
    tag_list: TagList | None = None
    listed: bool = False
    list_fresh: bool = False
    list_usable: bool = False
    bulk: bool = False
    force: bool = False
    asked_at: datetime | None = None

    def evidence(self) -> RepositoryEvidence:
        return RepositoryEvidence(
            self.digest, self.facts, self.tag_list, listed=self.listed, raw_tags=self.raw_tags
        )


def infer(lookup_input: LookupInput, evidence: RepositoryEvidence) -> Inquiry:
    """Collects evidence until it shows the version, or until the lookup has used up its budget."""
    search = _Search(lookup_input, evidence)
    for attempt in (
        search.ask_stale_matches,
        search.prove_labels,
        search.read_pages,
        search.ask_through,
        search.ask_believed,
    ):
        if evidence.version_tags:
            break
        yield from attempt()
    if lookup_input.force and not evidence.listed:
        yield from search.ask(AskList())
    yield from search.ask_stale_other_tags()
    yield from search.ask_neighbours()


class _Search:
    def __init__(self, lookup_input: LookupInput, evidence: RepositoryEvidence) -> None:
        self._input = lookup_input
        self._evidence = evidence
        self._heads = 0
        self._again = 0
        self._ordered: tuple[TagList, list[str]] | None = None

    def ask(
        self, question: InferenceQuestion
    ) -> Generator[InferenceQuestion, InferenceAnswer, InferenceAnswer]:
        answer = yield question
        self._evidence.add(answer)
        return answer

    def ask_stale_matches(self) -> Inquiry:
        """Asks the displayed versions first. If they still name the digest, the other ones are not asked."""
        stale_matches = sorted(
            self._evidence.unknown(self._input.stale_matches), key=is_strict_semver, reverse=True
        )
        shown = {tag: None for raw in self._input.raw_tags for tag in resolved(stale_matches, raw)[:1]}
        for tag in [*shown, *(tag for tag in stale_matches if tag not in shown)][:HEADS_AT_ONCE]:
            if self._evidence.version_tags and tag not in shown:
                return
            yield from self._heads_of([tag], 1)

    def prove_labels(self) -> Inquiry:
        """Asks the tags that the labels suggest.

        With a bulk API it asks only one, because the first page costs no more than a second guess.
        """
        guesses = self._evidence.unknown(label_guesses(self._input.labels, self._input.raw_tags))
        if self._evidence.names is not None and self._evidence.listed:
            guesses = [tag for tag in guesses if tag in self._evidence.names]
        for tag in guesses[: 1 if self._input.bulk else 2]:
            yield from self._heads_of([tag], 1)
            if self._evidence.version_tags:
                return

    def read_pages(self) -> Inquiry:
        """Reads pages of the bulk API until one shows the version. If none does, `ask_through` follows.

        Stops when only the tag list can tell whether a tag such as 17.2 is a version. Reads the next page
        when a page ended between the tags of the digest.
        """
        if not self._input.bulk:
            return
        for _ in range(PAGE_BUDGET):
            answer = yield from self.ask(AskPage())
            decided = self._evidence.version_tags or (
                self._evidence.has_possible_version and not self._evidence.cut
            )
            if decided or not answer.more:
                return

    def ask_through(self) -> Inquiry:
        """Asks the tags of the list. If a few tags of a fresh list do not help, it reads the list again."""
        if not self._evidence.listed and not self._input.list_fresh:
            yield from self.ask_next_release()
            if self._evidence.version_tags:
                return
            yield from self.ask(AskList())
        yield from self.ask_newest_again()
        window, left_of_fresh_list = 1, 1 + HEADS_AT_ONCE
        while not self._evidence.version_tags and (left := self._left_for_unknown()) > 0:
            waiting = self._evidence.unknown(self._candidates())
            if not self._evidence.listed and (left_of_fresh_list <= 0 or not waiting):
                yield from self.ask(AskList())
                continue
            if not waiting:
                return
            size = min(window, left)
            yield from self._heads_of(waiting[:size], min(len(waiting), left))
            if window == 1:
                yield from self.ask_newest_again()
            window, left_of_fresh_list = HEADS_AT_ONCE, left_of_fresh_list - size

    def ask_next_release(self) -> Inquiry:
        """Before it reads a long list again, asks its newest release and the releases that may follow."""
        if not self._input.list_usable or len(self._evidence.names or ()) < LONG_LIST:
            return
        newest = self._candidates()[:1]
        if newest == self._believed()[:1]:
            yield from self.ask_newest_again()
        following = [tag for release in newest for tag in (release, *next_releases(release))]
        waiting = self._evidence.unknown(following)
        if waiting and not self._evidence.version_tags:
            yield from self._heads_of(waiting, len(waiting))

    def ask_newest_again(self) -> Inquiry:
        """Asks the newest version again if its stored fact names another digest: it may have been rebuilt."""
        believed = self._believed()[:1]
        newer = takewhile(lambda tag: tag not in believed, self._candidates())
        if believed and not self._evidence.version_tags and not self._evidence.unknown(newer):
            self._again += 1
            yield from self._heads_of(believed, 1)

    def ask_believed(self) -> Inquiry:
        """Asks versions whose stored facts name another digest, because one may have been pushed again."""
        waiting = self._believed()[: None if self._input.force else AGAIN_AT_MOST - self._again]
        waiting = waiting[: HEAD_BUDGET - self._heads]
        size = 1
        while waiting and not self._evidence.version_tags:
            yield from self._heads_of(waiting[:size], len(waiting))
            waiting, size = waiting[size:], HEADS_AT_ONCE

    def ask_stale_other_tags(self) -> Inquiry:
        """The operator wants to see which other tags still name the digest: `latest` beside `1.4.1`."""
        waiting = self._evidence.unknown(self._input.stale_other_tags)[: max(HEAD_BUDGET - self._heads, 0)]
        while waiting:
            yield from self._heads_of(waiting[:HEADS_AT_ONCE], len(waiting))
            waiting = waiting[HEADS_AT_ONCE:]

    def ask_neighbours(self) -> Inquiry:
        """Asks the other spelling of the version, if the tag list has it: `v1.4.1` beside `1.4.1`."""
        names = set(self._evidence.names or ()) if self._evidence.listed else set()
        spellings = [_other_spelling(tag) for tag in self._evidence.version_tags]
        unknown = self._evidence.unknown(tag for tag in dict.fromkeys(spellings) if tag in names)
        if unknown:
            yield from self._heads_of(unknown[:HEADS_AT_ONCE], min(len(unknown), HEADS_AT_ONCE))

    def _heads_of(self, tags: Sequence[str], expected: int) -> Inquiry:
        self._heads += len(tags)
        yield from self.ask(AskHeads(tuple(tags), self._heads - len(tags) + expected))

    def _left_for_unknown(self) -> int:
        return HEAD_BUDGET - self._heads - min(len(self._believed()), AGAIN_AT_MOST - self._again)

    def _believed(self) -> list[str]:
        return seen_before(self._input.asked_at, self._evidence, self._candidates())

    def _candidates(self) -> list[str]:
        tag_list = self._evidence.tag_list
        if tag_list is None:
            return []
        if self._ordered is None or self._ordered[0] is not tag_list:
            self._ordered = (tag_list, candidates(tag_list, self._input.raw_tags, self._input.labels))
        return self._ordered[1]


def next_releases(tag: str) -> list[str]:
    """The likely next releases. Only semantic versions, because others need the tag list to be recognized."""
    version = parse_version(tag)
    return [each for each in successors(version) if is_strict_semver(each)] if version else []


def seen_before(moment: datetime | None, evidence: RepositoryEvidence, tags: Sequence[str]) -> list[str]:
    """The tags whose stored fact is older than that moment."""
    if moment is None:
        return []
    return [tag for tag in tags if (fact := evidence.facts.get(tag)) and fact.seen_at < moment]


def label_guesses(labels: Sequence[str], raw_tags: Sequence[str]) -> list[str]:
    """The tags that an image with these version labels probably has, the likeliest first.

    For `latest-alpine` with the label 1.2.3, 1.2.3-alpine comes before 1.2.3.
    """
    guesses: list[str] = []
    for label in map(str.strip, labels):
        written = label.replace("+", "-")
        if not any(letter.isdigit() for letter in label) or parse_version(written) is None:
            continue
        suffixes = [
            f"-{what}" for tag in raw_tags if (what := flavour(tag)) and not written.endswith(f"-{what}")
        ]
        for suffix in (*dict.fromkeys(suffixes), ""):
            guesses += [f"{written}{suffix}", f"{_other_spelling(written)}{suffix}"]
    return [tag for tag in dict.fromkeys(guesses) if _TAG.fullmatch(tag)]


def _other_spelling(tag: str) -> str:
    return tag.removeprefix("v") if tag.startswith("v") else f"v{tag}"
