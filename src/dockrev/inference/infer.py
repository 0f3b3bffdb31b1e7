"""
The cheapest way from a digest to its version. No I/O: `infer` yields questions and is sent their answers.

What is known already costs nothing. Else the image's own label is proved by one HEAD; else a bulk API gives
tags with their digests; else the tag list is read and asked through, newest first, a few tags at a time;
else the newest versions that were believed are asked again, for one may have been pushed again.
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
"""HEADs for one digest while somebody waits; the rest of the repository is completed in the background."""
PAGE_BUDGET = 5
LONG_LIST = 3_000
"""So many tags come on three pages at the least, and on thirty where a registry gives a hundred at a time."""
AGAIN_AT_MOST = 8
"""HEADs kept back for versions that are believed to name something else."""

_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")


@dataclass(frozen=True, slots=True)
class AskHeads:
    """What do these tags name? All at once; `expected` is how many may follow, these included."""

    tags: tuple[str, ...]
    expected: int


@dataclass(frozen=True, slots=True)
class AskList:
    """Which tags are there?"""


@dataclass(frozen=True, slots=True)
class AskPage:
    """The next page of the bulk API."""


InferenceQuestion = AskHeads | AskList | AskPage
Inquiry = Generator[InferenceQuestion, InferenceAnswer, None]


@dataclass(frozen=True, slots=True)
class LookupInput:
    """`facts` are believed; `stale_matches` once named the digest and are asked again before anything else;
    `stale_other_tags` did too, are no versions, and are asked again at the end.

    `tag_list`: as it was last read; `listed`: that was for this case; `list_fresh`: it was not long ago, and
    the digest runs here, so its tags should be in it. `list_usable`: it is at most
    7 days old, so what follows its newest release may be guessed. `force`: read it anew in any case.

    `asked_at`: what was seen before that may be asked again when nothing else helps.
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


def infer(given: LookupInput, evidence: RepositoryEvidence) -> Inquiry:
    """Fills the picture until it tells the version, or the budget for one digest is spent."""
    search = _Search(given, evidence)
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
    if given.force and not evidence.listed:
        yield from search.ask(AskList())
    yield from search.ask_stale_other_tags()
    yield from search.ask_neighbours()


class _Search:
    def __init__(self, given: LookupInput, evidence: RepositoryEvidence) -> None:
        self._given = given
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
        """Versions hardly ever move, so those that are shown answer for the others while they still stand."""
        stale_matches = sorted(
            self._evidence.unknown(self._given.stale_matches), key=is_strict_semver, reverse=True
        )
        shown = {tag: None for raw in self._given.raw_tags for tag in resolved(stale_matches, raw)[:1]}
        for tag in [*shown, *(tag for tag in stale_matches if tag not in shown)][:HEADS_AT_ONCE]:
            if self._evidence.version_tags and tag not in shown:
                return
            yield from self._heads_of([tag], 1)

    def prove_labels(self) -> Inquiry:
        """With a bulk API one guess is enough: its first page costs no more than the second."""
        guesses = self._evidence.unknown(label_guesses(self._given.labels, self._given.raw_tags))
        if self._evidence.names is not None and self._evidence.listed:
            guesses = [tag for tag in guesses if tag in self._evidence.names]
        for tag in guesses[: 1 if self._given.bulk else 2]:
            yield from self._heads_of([tag], 1)
            if self._evidence.version_tags:
                return

    def read_pages(self) -> Inquiry:
        """That a tag is on no page proves nothing, so the list is asked through afterwards if need be.

        It is read at once when it decides whether the 17.2 of a page is a whole version; the next page
        does when it goes on with the tags of the same content.
        """
        if not self._given.bulk:
            return
        for _ in range(PAGE_BUDGET):
            answer = yield from self.ask(AskPage())
            found = self._evidence.version_tags or (
                self._evidence.has_possible_version and not self._evidence.cut
            )
            if found or not answer.more:
                return

    def ask_through(self) -> Inquiry:
        """A recent list is believed for a few tags; then it is read anew, for it may be too old after all."""
        if not self._evidence.listed and not self._given.list_fresh:
            yield from self.ask_next_release()
            if self._evidence.version_tags:
                return
            yield from self.ask(AskList())
        yield from self.ask_newest_again()
        window, believed = 1, 1 + HEADS_AT_ONCE
        while not self._evidence.version_tags and (left := self._left_for_unknown()) > 0:
            waiting = self._evidence.unknown(self._candidates())
            if not self._evidence.listed and (believed <= 0 or not waiting):
                yield from self.ask(AskList())
                continue
            if not waiting:
                return
            size = min(window, left)
            yield from self._heads_of(waiting[:size], min(len(waiting), left))
            if window == 1:
                yield from self.ask_newest_again()
            window, believed = HEADS_AT_ONCE, believed - size

    def ask_next_release(self) -> Inquiry:
        """Before a list that is known to be long is read anew: the newest release, and what may follow it."""
        if not self._given.list_usable or len(self._evidence.names or ()) < LONG_LIST:
            return
        newest = self._candidates()[:1]
        if newest == self._believed()[:1]:
            yield from self.ask_newest_again()
        following = [tag for known in newest for tag in (known, *next_releases(known))]
        waiting = self._evidence.unknown(following)
        if waiting and not self._evidence.version_tags:
            yield from self._heads_of(waiting, len(waiting))

    def ask_newest_again(self) -> Inquiry:
        """Where no version is newer than one that is believed, that one was built and pushed again."""
        believed = self._believed()[:1]
        newer = takewhile(lambda tag: tag not in believed, self._candidates())
        if believed and not self._evidence.version_tags and not self._evidence.unknown(newer):
            self._again += 1
            yield from self._heads_of(believed, 1)

    def ask_believed(self) -> Inquiry:
        """A version that was pushed again names the digest now, and is believed to name another one."""
        waiting = self._believed()[: None if self._given.force else AGAIN_AT_MOST - self._again]
        waiting = waiting[: HEAD_BUDGET - self._heads]
        size = 1
        while waiting and not self._evidence.version_tags:
            yield from self._heads_of(waiting[:size], len(waiting))
            waiting, size = waiting[size:], HEADS_AT_ONCE

    def ask_stale_other_tags(self) -> Inquiry:
        """The operator wants to know what else names the digest still, `latest` beside `1.4.1`."""
        waiting = self._evidence.unknown(self._given.stale_other_tags)[: max(HEAD_BUDGET - self._heads, 0)]
        while waiting:
            yield from self._heads_of(waiting[:HEADS_AT_ONCE], len(waiting))
            waiting = waiting[HEADS_AT_ONCE:]

    def ask_neighbours(self) -> Inquiry:
        """The same version under another spelling, `v1.4.1` beside `1.4.1`, where the list shows one."""
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
        return seen_before(self._given.asked_at, self._evidence, self._candidates())

    def _candidates(self) -> list[str]:
        tag_list = self._evidence.tag_list
        if tag_list is None:
            return []
        if self._ordered is None or self._ordered[0] is not tag_list:
            self._ordered = (tag_list, candidates(tag_list, self._given.raw_tags, self._given.labels))
        return self._ordered[1]


def next_releases(tag: str) -> list[str]:
    """Whole semantic versions, for nothing else tells without the list."""
    version = parse_version(tag)
    return [each for each in successors(version) if is_strict_semver(each)] if version else []


def seen_before(moment: datetime | None, evidence: RepositoryEvidence, tags: Sequence[str]) -> list[str]:
    """Those of the tags whose content is known from before that moment."""
    if moment is None:
        return []
    return [tag for tag in tags if (fact := evidence.facts.get(tag)) and fact.seen_at < moment]


def label_guesses(labels: Sequence[str], raw_tags: Sequence[str]) -> list[str]:
    """The tags under which an image with these version labels is likely to be found, the likeliest first.

    `latest-alpine` with the label 1.2.3 is 1.2.3-alpine before it is 1.2.3.
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
