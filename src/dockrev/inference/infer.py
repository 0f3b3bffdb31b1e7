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
from dockrev.inference.picture import Answer, Picture
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


Question = AskHeads | AskList | AskPage
Inquiry = Generator[Question, Answer, None]


@dataclass(frozen=True, slots=True)
class Case:
    """`facts` are believed; `doubted` once named the digest and are asked again before anything else;
    `beside` did too, are no versions, and are asked again at the end.

    `tag_list`: as it was last read; `listed`: that was for this case; `recent`: it was not long ago, and
    the digest runs here, so its tags should be in it. `believed`: old it may be, but of these days; then what
    follows its newest release may be guessed. `force`: read it anew in any case.

    `asked_at`: what was seen before that may be asked again when nothing else helps.
    """

    digest: Digest
    raw_tags: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    facts: Mapping[str, TagFact] = field(default_factory=dict)
    doubted: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()
    tag_list: TagList | None = None
    listed: bool = False
    recent: bool = False
    believed: bool = False
    bulk: bool = False
    force: bool = False
    asked_at: datetime | None = None

    def picture(self) -> Picture:
        return Picture(self.digest, self.facts, self.tag_list, listed=self.listed, raw_tags=self.raw_tags)


def infer(case: Case, picture: Picture) -> Inquiry:
    """Fills the picture until it tells the version, or the budget for one digest is spent."""
    search = _Search(case, picture)
    for attempt in (
        search.ask_again,
        search.prove_labels,
        search.read_pages,
        search.ask_through,
        search.ask_believed,
    ):
        if picture.telling:
            break
        yield from attempt()
    if case.force and not picture.listed:
        yield from search.ask(AskList())
    yield from search.ask_beside()
    yield from search.ask_neighbours()


class _Search:
    def __init__(self, case: Case, picture: Picture) -> None:
        self._case = case
        self._picture = picture
        self._heads = 0
        self._again = 0
        self._ordered: tuple[TagList, list[str]] | None = None

    def ask(self, question: Question) -> Generator[Question, Answer, Answer]:
        answer = yield question
        self._picture.add(answer)
        return answer

    def ask_again(self) -> Inquiry:
        """Versions hardly ever move, so those that are shown answer for the others while they still stand."""
        doubted = sorted(self._picture.unknown(self._case.doubted), key=is_strict_semver, reverse=True)
        shown = {tag: None for raw in self._case.raw_tags for tag in resolved(doubted, raw)[:1]}
        for tag in [*shown, *(tag for tag in doubted if tag not in shown)][:HEADS_AT_ONCE]:
            if self._picture.telling and tag not in shown:
                return
            yield from self._heads_of([tag], 1)

    def prove_labels(self) -> Inquiry:
        """With a bulk API one guess is enough: its first page costs no more than the second."""
        guesses = self._picture.unknown(label_guesses(self._case.labels, self._case.raw_tags))
        if self._picture.names is not None and self._picture.listed:
            guesses = [tag for tag in guesses if tag in self._picture.names]
        for tag in guesses[: 1 if self._case.bulk else 2]:
            yield from self._heads_of([tag], 1)
            if self._picture.telling:
                return

    def read_pages(self) -> Inquiry:
        """That a tag is on no page proves nothing, so the list is asked through afterwards if need be.

        It is read at once when it decides whether the 17.2 of a page is a whole version; the next page
        does when it goes on with the tags of the same content.
        """
        if not self._case.bulk:
            return
        for _ in range(PAGE_BUDGET):
            answer = yield from self.ask(AskPage())
            found = self._picture.telling or (self._picture.hinting and not self._picture.cut)
            if found or not answer.more:
                return

    def ask_through(self) -> Inquiry:
        """A recent list is believed for a few tags; then it is read anew, for it may be too old after all."""
        if not self._picture.listed and not self._case.recent:
            yield from self.ask_next_release()
            if self._picture.telling:
                return
            yield from self.ask(AskList())
        yield from self.ask_newest_again()
        window, believed = 1, 1 + HEADS_AT_ONCE
        while not self._picture.telling and (left := self._left_for_unknown()) > 0:
            waiting = self._picture.unknown(self._candidates())
            if not self._picture.listed and (believed <= 0 or not waiting):
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
        if not self._case.believed or len(self._picture.names or ()) < LONG_LIST:
            return
        newest = self._candidates()[:1]
        if newest == self._believed()[:1]:
            yield from self.ask_newest_again()
        following = [tag for known in newest for tag in (known, *next_releases(known))]
        waiting = self._picture.unknown(following)
        if waiting and not self._picture.telling:
            yield from self._heads_of(waiting, len(waiting))

    def ask_newest_again(self) -> Inquiry:
        """Where no version is newer than one that is believed, that one was built and pushed again."""
        believed = self._believed()[:1]
        newer = takewhile(lambda tag: tag not in believed, self._candidates())
        if believed and not self._picture.telling and not self._picture.unknown(newer):
            self._again += 1
            yield from self._heads_of(believed, 1)

    def ask_believed(self) -> Inquiry:
        """A version that was pushed again names the digest now, and is believed to name another one."""
        waiting = self._believed()[: None if self._case.force else AGAIN_AT_MOST - self._again]
        waiting = waiting[: HEAD_BUDGET - self._heads]
        size = 1
        while waiting and not self._picture.telling:
            yield from self._heads_of(waiting[:size], len(waiting))
            waiting, size = waiting[size:], HEADS_AT_ONCE

    def ask_beside(self) -> Inquiry:
        """The operator wants to know what else names the digest still, `latest` beside `1.4.1`."""
        waiting = self._picture.unknown(self._case.beside)[: max(HEAD_BUDGET - self._heads, 0)]
        while waiting:
            yield from self._heads_of(waiting[:HEADS_AT_ONCE], len(waiting))
            waiting = waiting[HEADS_AT_ONCE:]

    def ask_neighbours(self) -> Inquiry:
        """The same version under another spelling, `v1.4.1` beside `1.4.1`, where the list shows one."""
        names = set(self._picture.names or ()) if self._picture.listed else set()
        spellings = [_other_spelling(tag) for tag in self._picture.telling]
        unknown = self._picture.unknown(tag for tag in dict.fromkeys(spellings) if tag in names)
        if unknown:
            yield from self._heads_of(unknown[:HEADS_AT_ONCE], min(len(unknown), HEADS_AT_ONCE))

    def _heads_of(self, tags: Sequence[str], expected: int) -> Inquiry:
        self._heads += len(tags)
        yield from self.ask(AskHeads(tuple(tags), self._heads - len(tags) + expected))

    def _left_for_unknown(self) -> int:
        return HEAD_BUDGET - self._heads - min(len(self._believed()), AGAIN_AT_MOST - self._again)

    def _believed(self) -> list[str]:
        return seen_before(self._case.asked_at, self._picture, self._candidates())

    def _candidates(self) -> list[str]:
        tag_list = self._picture.tag_list
        if tag_list is None:
            return []
        if self._ordered is None or self._ordered[0] is not tag_list:
            self._ordered = (tag_list, candidates(tag_list, self._case.raw_tags, self._case.labels))
        return self._ordered[1]


def next_releases(tag: str) -> list[str]:
    """Whole semantic versions, for nothing else tells without the list."""
    version = parse_version(tag)
    return [each for each in successors(version) if is_strict_semver(each)] if version else []


def seen_before(moment: datetime | None, picture: Picture, tags: Sequence[str]) -> list[str]:
    """Those of the tags whose content is known from before that moment."""
    if moment is None:
        return []
    return [tag for tag in tags if (fact := picture.facts.get(tag)) and fact.seen_at < moment]


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
