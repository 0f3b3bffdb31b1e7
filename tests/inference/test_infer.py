"""The questions that a lookup asks, in their order, without I/O."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from dockrev.inference.evidence import InferenceAnswer
from dockrev.inference.infer import (
    AskHeads,
    AskList,
    AskPage,
    InferenceQuestion,
    LookupInput,
    infer,
    label_guesses,
)
from dockrev.inference.tag_list import TagList
from dockrev.oci.digest import Digest
from dockrev.versions.models import TagFact

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
EARLIER = NOON - timedelta(hours=1)


def digest(name: str) -> Digest:
    return Digest.of(name.encode())


def fact(tag: str, content: str, seen_at: datetime = NOON) -> TagFact:
    return TagFact("r", tag, digest(content), seen_at)


@dataclass
class Oracle:
    """Answers like a registry with these `tags`, and keeps the questions."""

    tags: Mapping[str, str]
    pages: list[list[str]] = field(default_factory=list)
    failing: frozenset[str] = frozenset()
    asked: list[InferenceQuestion] = field(default_factory=list)

    def answer(self, question: InferenceQuestion) -> InferenceAnswer:
        self.asked.append(question)
        match question:
            case AskList():
                return InferenceAnswer(names=sorted(self.tags))
            case AskPage():
                page = self.pages.pop(0) if self.pages else []
                facts = {tag: fact(tag, self.tags[tag]) for tag in page}
                return InferenceAnswer(facts, more=bool(page), end=not page)
            case AskHeads(tags):
                known = {tag: fact(tag, self.tags[tag]) for tag in tags if tag in self.tags}
                facts = {tag: fact for tag, fact in known.items() if tag not in self.failing}
                errors = self.failing & known.keys()
                return InferenceAnswer(
                    facts, gone=[tag for tag in tags if tag not in self.tags], errors=errors
                )

    def requests(self) -> int:
        return sum(len(question.tags) if isinstance(question, AskHeads) else 1 for question in self.asked)

    def heads(self) -> list[str]:
        return [tag for question in self.asked if isinstance(question, AskHeads) for tag in question.tags]

    def run(self, case: LookupInput) -> set[str]:
        """The tags that the lookup found for the digest."""
        evidence = case.evidence()
        inquiry = infer(case, evidence)
        try:
            question = next(inquiry)
            while True:
                question = inquiry.send(self.answer(question))
        except StopIteration:
            return set(evidence.matches)


SEMVER = {f"1.{minor}.{patch}": f"1.{minor}.{patch}" for minor in range(12) for patch in range(12)}
SEMVER |= {f"1.{minor}": f"1.{minor}.11" for minor in range(12)} | {"1": "1.11.11", "latest": "1.11.11"}
WITH_V = {f"v{tag}" if tag[0].isdigit() else tag: content for tag, content in SEMVER.items()}
ALPINE = SEMVER | {f"{tag}-alpine": f"{content}-alpine" for tag, content in SEMVER.items() if tag != "latest"}
ALPINE |= {"alpine": "1.11.11-alpine"}
TWO_PART = {f"{major}.{minor}": f"{major}.{minor}" for major in (15, 16, 17) for minor in range(8)}
TWO_PART |= {str(major): f"{major}.7" for major in (15, 16, 17)} | {"latest": "17.7"}
CALENDAR = {
    f"{year}.{month}.{n}": f"{year}.{month}.{n}"
    for year in (2024, 2025)
    for month in range(1, 13)
    for n in range(4)
}
CALENDAR |= {"stable": "2025.12.3", "dev": "dev", "2025.12": "2025.12.3"}
MINIO = {f"RELEASE.2025-0{n}-13T01-02-03Z": f"release {n}" for n in range(1, 9)} | {
    "latest": "release 8",
    "edge": "x",
}
JUNK = (
    SEMVER
    | {f"sha-{n:07x}": f"commit {n}" for n in range(300)}
    | {f"sha256-{n:064x}.sig": f"s{n}" for n in range(300)}
)
JUNK |= {"nightly": "nightly", "main": "main", "pr-12": "pr"}
LARGE = {f"{a}.{b}.{c}": f"{a}.{b}.{c}" for a in range(1, 11) for b in range(20) for c in range(25)}


@pytest.mark.parametrize(
    ("tags", "raw", "content", "version", "most"),
    [
        (SEMVER, "latest", "1.11.11", "1.11.11", 2),
        (SEMVER, "latest", "1.11.10", "1.11.10", 6),
        (SEMVER, "1.3", "1.3.11", "1.3.11", 2),
        (SEMVER, "1.3", "1.3.8", "1.3.8", 6),
        (WITH_V, "latest", "1.11.11", "v1.11.11", 2),
        (ALPINE, "alpine", "1.11.11-alpine", "1.11.11-alpine", 2),
        (ALPINE, "1.5-alpine", "1.5.11-alpine", "1.5.11-alpine", 2),
        (TWO_PART, "latest", "17.7", "17.7", 2),
        (TWO_PART, "16", "16.7", "16.7", 2),
        (CALENDAR, "stable", "2025.12.3", "2025.12.3", 2),
        (MINIO, "latest", "release 8", "RELEASE.2025-08-13T01-02-03Z", 2),
        (MINIO, "latest", "release 7", "RELEASE.2025-07-13T01-02-03Z", 6),
        (JUNK, "latest", "1.11.11", "1.11.11", 2),
        (JUNK, "latest", "1.11.9", "1.11.9", 6),
        (LARGE, "latest", "10.19.24", "10.19.24", 2),
    ],
)
def test_an_unknown_digest_costs_few_requests(
    tags: Mapping[str, str], raw: str, content: str, version: str, most: int
) -> None:
    oracle = Oracle(tags)
    assert version in oracle.run(LookupInput(digest(content), raw_tags=(raw,)))
    assert oracle.requests() <= most


def test_known_tags_are_not_asked() -> None:
    oracle = Oracle(SEMVER)
    case = LookupInput(
        digest("1.4.0"), ("latest",), ("1.4.0",), facts={"1.4.0": fact("1.4.0", "1.4.0")}, bulk=True
    )
    assert oracle.run(case) == {"1.4.0"}
    assert oracle.asked == []


def test_a_moving_tag_does_not_end_the_lookup() -> None:
    """`16` names the digest, but the list has 16.7, which the lookup has to find."""
    oracle = Oracle(TWO_PART)
    known = {"16": fact("16", "16.7")}
    assert oracle.run(LookupInput(digest("16.7"), ("16",), facts=known)) == {"16", "16.7"}


def test_a_version_of_two_numbers_ends_the_lookup_when_no_tag_is_more_specific() -> None:
    oracle = Oracle(TWO_PART)
    known = {"16.7": fact("16.7", "16.7")}
    case = LookupInput(
        digest("16.7"), ("16",), facts=known, tag_list=TagList.of(tuple(TWO_PART)), listed=False
    )
    assert oracle.run(case) == {"16.7"}
    assert oracle.asked == []


@pytest.mark.parametrize(
    ("raw_tags", "asked"),
    [
        (("latest",), ["1.4.0-r1"]),
        (("alpine",), ["1.4.0-alpine"]),
        (("latest", "alpine"), ["1.4.0-r1", "1.4.0-alpine"]),
    ],
)
def test_the_displayed_version_is_the_stale_tag_that_is_asked_again(
    raw_tags: tuple[str, ...], asked: list[str]
) -> None:
    tags = dict.fromkeys(("1.4.0", "1.4.0-alpine", "1.4.0-r1"), "1.4.0")
    oracle = Oracle(tags)
    oracle.run(LookupInput(digest("1.4.0"), raw_tags, stale_matches=("1.4.0-r1", "1.4.0", "1.4.0-alpine")))
    assert oracle.heads() == asked


def test_one_page_of_a_bulk_api_answers() -> None:
    oracle = Oracle(SEMVER, pages=[["latest", "1.11.11", "1.11", "1", "1.11.10"], ["1.11.9"]])
    assert oracle.run(LookupInput(digest("1.11.10"), ("latest",), bulk=True)) == {"1.11.10"}
    assert oracle.asked == [AskPage()]


def test_after_five_pages_without_the_digest_the_list_is_read() -> None:
    oracle = Oracle(SEMVER, pages=[["latest"]] * 9)
    assert "1.11.9" in oracle.run(LookupInput(digest("1.11.9"), ("latest",), bulk=True))
    assert oracle.asked[:6] == [AskPage()] * 5 + [AskList()]


@pytest.mark.parametrize(("raw", "found"), [("16", {"16", "16.7"}), ("latest", {"16", "16.7"})])
def test_a_page_with_a_version_of_two_numbers_makes_the_list_unnecessary(raw: str, found: set[str]) -> None:
    oracle = Oracle(TWO_PART, pages=[["16", "16.7", "16.6"], ["17.7"]])
    assert oracle.run(LookupInput(digest("16.7"), (raw,), bulk=True)) == found
    assert oracle.asked == [AskPage()]


def test_a_page_that_ends_between_the_tags_of_the_digest_is_followed_by_the_next() -> None:
    oracle = Oracle(TWO_PART, pages=[["17.6", "latest", "17"], ["17.7", "16.7"]])
    assert "17.7" in oracle.run(LookupInput(digest("17.7"), ("latest",), bulk=True))
    assert oracle.asked == [AskPage(), AskPage()]


def test_the_end_of_the_last_page_ends_the_lookup() -> None:
    tags = {"latest": "17.7", "17.7": "17.7"}
    oracle = Oracle(tags, pages=[["latest", "17.7"]])
    assert "17.7" in oracle.run(LookupInput(digest("17.7"), ("latest",), bulk=True))
    assert oracle.asked == [AskPage(), AskPage()]


@pytest.mark.parametrize(("raw", "page"), [("16", ["16", "17.7"]), ("latest", ["16", "16.6"])])
def test_a_page_with_only_a_moving_tag_leads_to_the_list(raw: str, page: list[str]) -> None:
    oracle = Oracle(TWO_PART, pages=[page])
    assert "16.7" in oracle.run(LookupInput(digest("16.7"), (raw,), bulk=True))
    assert oracle.asked[:2] == [AskPage(), AskList()]


def test_an_older_list_may_have_longer_tags_than_the_pages() -> None:
    oracle = Oracle(TWO_PART, pages=[["16", "17.7"]])
    case = LookupInput(digest("16.7"), ("latest",), tag_list=TagList.of(("16.6", "16")), bulk=True)
    assert "16.7" in oracle.run(case)


def test_the_list_is_read_when_the_bulk_api_does_not_answer() -> None:
    oracle = Oracle(SEMVER)
    assert "1.11.11" in oracle.run(LookupInput(digest("1.11.11"), ("latest",), bulk=True))
    assert oracle.asked[:2] == [AskPage(), AskList()]


def test_a_label_is_asked_before_everything_that_costs_more() -> None:
    oracle = Oracle(WITH_V)
    assert oracle.run(LookupInput(digest("1.2.3"), ("latest",), ("1.2.3",))) == {"v1.2.3"}
    assert oracle.heads() == ["1.2.3", "v1.2.3"]
    assert oracle.requests() == 2


def test_a_label_that_is_nearly_right_shows_where_to_begin() -> None:
    """The label is 1.4. The tag is 1.4.7, which is far from the newest."""
    oracle = Oracle(SEMVER)
    assert "1.4.7" in oracle.run(LookupInput(digest("1.4.7"), ("latest",), ("1.4",)))
    assert all(tag.startswith(("1.4", "v1.4")) for tag in oracle.heads())


def test_failed_tags_are_skipped_and_counted() -> None:
    oracle = Oracle(SEMVER, failing=frozenset({"1.11.11"}))
    case = LookupInput(digest("1.11.10"), ("latest",))
    evidence = case.evidence()
    inquiry = infer(case, evidence)
    question = next(inquiry)
    while True:
        try:
            question = inquiry.send(oracle.answer(question))
        except StopIteration:
            break
    assert "1.11.10" in evidence.matches
    assert evidence.scan().error == 1
    assert oracle.heads().count("1.11.11") == 1


def test_stale_tags_are_asked_first_and_one_confirmed_tag_is_enough() -> None:
    oracle = Oracle(SEMVER)
    case = LookupInput(digest("1.4.0"), stale_matches=("1.4", "1.4.0"), tag_list=TagList.of(tuple(SEMVER)))
    assert oracle.run(case) == {"1.4.0"}
    assert oracle.heads() == ["1.4.0"]


def test_an_old_list_is_read_again_before_its_tags_are_asked() -> None:
    oracle = Oracle(SEMVER)
    case = LookupInput(
        digest("1.11.11"), ("latest",), tag_list=TagList.of(("1.11.10", "latest")), listed=False
    )
    assert "1.11.11" in oracle.run(case)
    assert oracle.asked[0] == AskList()


def test_a_fresh_list_is_not_read_again_for_a_running_digest() -> None:
    oracle = Oracle(SEMVER)
    case = LookupInput(digest("1.11.11"), ("latest",), tag_list=TagList.of(tuple(SEMVER)), list_fresh=True)
    assert "1.11.11" in oracle.run(case)
    assert oracle.asked == [AskHeads(("1.11.11",), 40)]


def test_a_fresh_list_is_read_again_when_a_few_tags_do_not_help() -> None:
    oracle = Oracle(SEMVER)
    before = tuple(tag for tag in SEMVER if not tag.startswith("1.11"))
    case = LookupInput(digest("1.11.11"), ("latest",), tag_list=TagList.of(before), list_fresh=True)
    assert "1.11.11" in oracle.run(case)
    assert oracle.requests() == 1 + 4 + 1 + 4


def test_a_fresh_list_without_unknown_tags_is_read_again_at_once() -> None:
    oracle = Oracle(SEMVER)
    case = LookupInput(digest("1.11.11"), ("latest",), tag_list=TagList.of(("latest",)), list_fresh=True)
    assert "1.11.11" in oracle.run(case)
    assert oracle.asked[0] == AskList()


@pytest.mark.parametrize(
    ("label", "raw", "guesses"),
    [
        ("1.2.3", "latest", ["1.2.3", "v1.2.3"]),
        ("v1.2.3", "latest", ["v1.2.3", "1.2.3"]),
        (" 1.2.3 ", "1.2", ["1.2.3", "v1.2.3"]),
        ("1.2.3", "alpine", ["1.2.3-alpine", "v1.2.3-alpine", "1.2.3", "v1.2.3"]),
        ("1.2.3", "stable-alpine", ["1.2.3-alpine", "v1.2.3-alpine", "1.2.3", "v1.2.3"]),
        ("1.2.3", "1-alpine", ["1.2.3-alpine", "v1.2.3-alpine", "1.2.3", "v1.2.3"]),
        ("1.2.3-alpine", "latest-alpine", ["1.2.3-alpine", "v1.2.3-alpine"]),
        ("6.5.55", "stable-6", ["6.5.55", "v6.5.55"]),
        ("6.5.55", "stable-6-alpine", ["6.5.55-alpine", "v6.5.55-alpine", "6.5.55", "v6.5.55"]),
        ("6.5.55", "release-6.5", ["6.5.55", "v6.5.55"]),
        ("1.5.0-beta.2", "beta", ["1.5.0-beta.2", "v1.5.0-beta.2"]),
        ("8.4.0RC3", "rc-fpm", ["8.4.0RC3-fpm", "v8.4.0RC3-fpm", "8.4.0RC3", "v8.4.0RC3"]),
        ("2.462.3", "lts-jdk17", ["2.462.3-jdk17", "v2.462.3-jdk17", "2.462.3", "v2.462.3"]),
        ("1.2.3+build", "latest", ["1.2.3-build", "v1.2.3-build"]),
        ("1.2.3", "", ["1.2.3", "v1.2.3"]),
        ("main", "latest", []),
        ("sha-0a1b2c3", "latest", []),
        ("", "latest", []),
        ("1.2.3 (final)", "latest", []),
        ("1/../../2", "latest", []),
    ],
)
def test_a_label_suggests_these_tags(label: str, raw: str, guesses: list[str]) -> None:
    assert label_guesses([label], [raw]) == guesses


def believed(tags: Mapping[str, str], seen_at: datetime = EARLIER) -> dict[str, TagFact]:
    return {tag: fact(tag, content, seen_at) for tag, content in tags.items()}


@pytest.mark.parametrize(("raw", "heads"), [("latest", 1), ("1", 1), ("beta", 5)])
def test_the_newest_release_is_asked_before_a_dozen_prereleases(raw: str, heads: int) -> None:
    betas = {f"1.12.0-beta.{number}": f"beta.{number}" for number in range(1, 11)}
    oracle = Oracle(SEMVER | betas)
    assert "1.11.11" in oracle.run(LookupInput(digest("1.11.11"), (raw,)))
    assert len(oracle.heads()) == heads


def test_an_older_release_is_found_among_many_prereleases() -> None:
    betas = {f"1.12.0-beta.{number}": f"beta.{number}" for number in range(1, 101)}
    oracle = Oracle(SEMVER | betas)
    assert oracle.run(LookupInput(digest("1.11.4"), ("latest",))) == {"1.11.4"}
    assert len(oracle.heads()) < 20


@pytest.mark.parametrize(("released", "heads"), [(SEMVER, 5), ({"latest": "beta.10"}, 1)])
def test_the_prerelease_that_latest_names_is_the_newest_one(released: Mapping[str, str], heads: int) -> None:
    betas = {f"1.12.0-beta.{number}": f"beta.{number}" for number in range(1, 11)}
    oracle = Oracle({**released, **betas})
    assert oracle.run(LookupInput(digest("beta.10"), ("latest",))) == {"1.12.0-beta.10"}
    assert len(oracle.heads()) == heads


def test_a_bulk_api_that_shows_the_rebuilt_release_makes_asking_again_unnecessary() -> None:
    oracle = Oracle(SEMVER | {"1.11.11": "again"}, pages=[["1.11.11"]])
    case = LookupInput(digest("again"), facts=believed(SEMVER), bulk=True, asked_at=NOON)
    assert oracle.run(case) == {"1.11.11"}
    assert oracle.asked == [AskPage()]


def test_a_tag_that_moves_with_each_prerelease_does_not_end_the_lookup() -> None:
    content = {"3.14-rc": "a1", "3.14.0a1": "a1", "3.13.0": "3.13.0", "3.13": "3.13.0"}
    oracle = Oracle(content)
    facts = {"3.14-rc": fact("3.14-rc", "a1")}
    assert oracle.run(LookupInput(digest("a1"), ("3.14-rc",), facts=facts)) == {"3.14-rc", "3.14.0a1"}
    assert oracle.heads() == ["3.14.0a1"]
