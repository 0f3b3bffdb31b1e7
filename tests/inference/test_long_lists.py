"""A lookup reads a long list again only if it cannot guess the next release."""

from collections.abc import Mapping

import pytest

from dockrev.inference.infer import LONG_LIST, AskHeads, AskList, LookupInput
from dockrev.inference.tag_list import TagList
from tests.fakes.registry import FakeRegistry
from tests.inference.building import APP, Engine, release
from tests.inference.test_infer import LARGE, MINIO, NOON, SEMVER, Oracle, believed, digest

LARGE_AND_OLD = TagList.of(tuple(LARGE))


@pytest.mark.parametrize("release", ["10.19.25", "10.20.0", "11.0.0"])
def test_the_next_release_is_asked_before_a_long_list_is_read_again(release: str) -> None:
    oracle = Oracle(LARGE | {release: "new", "latest": "new"})
    case = LookupInput(
        digest("new"), ("latest",), facts=believed(LARGE, NOON), tag_list=LARGE_AND_OLD, list_usable=True
    )
    assert oracle.run(case) == {release}
    assert oracle.asked == [AskHeads(("10.19.25", "10.20.0", "11.0.0"), 3)]


def test_a_rebuilt_release_is_asked_before_a_long_list_is_read_again() -> None:
    oracle = Oracle(LARGE | {"10.19.24": "again"})
    facts = believed({"10.19.24": "10.19.24"})
    case = LookupInput(
        digest("again"), ("latest",), facts=facts, tag_list=LARGE_AND_OLD, list_usable=True, asked_at=NOON
    )
    assert oracle.run(case) == {"10.19.24"}
    assert oracle.asked == [AskHeads(("10.19.24",), 1)]


def test_an_unchanged_newest_release_costs_one_head_before_the_next_release_is_found() -> None:
    oracle = Oracle(LARGE | {"10.19.25": "new"})
    facts = believed({"10.19.24": "10.19.24"})
    case = LookupInput(
        digest("new"), ("latest",), facts=facts, tag_list=LARGE_AND_OLD, list_usable=True, asked_at=NOON
    )
    assert oracle.run(case) == {"10.19.25"}
    assert oracle.heads() == ["10.19.24", "10.19.25", "10.20.0", "11.0.0"]


@pytest.mark.parametrize(("tags", "list_usable"), [(SEMVER, True), (LARGE, False), (MINIO, True)])
def test_a_short_list_and_a_week_old_long_list_are_read_again_at_once(
    tags: Mapping[str, str], list_usable: bool
) -> None:
    oracle = Oracle(tags)
    case = LookupInput(
        digest("lost"), tag_list=TagList.of(tuple(tags)), list_usable=list_usable, asked_at=NOON
    )
    oracle.run(case)
    assert oracle.asked[0] == AskList()


def test_a_long_list_is_read_when_the_next_release_was_guessed_wrong() -> None:
    oracle = Oracle(LARGE | {"10.21.3": "new"})
    case = LookupInput(
        digest("new"), ("latest",), facts=believed(LARGE, NOON), tag_list=LARGE_AND_OLD, list_usable=True
    )
    assert oracle.run(case) == {"10.21.3"}
    assert oracle.requests() == 3 + 1 + 1


async def test_release_after_release_of_a_large_repository_is_found_without_its_list(
    engine: Engine, registry: FakeRegistry
) -> None:
    names = [f"1.{minor}.{patch}" for minor in range(LONG_LIST // 50) for patch in range(50)]
    running = release(registry, *names)[-1]
    engine.services.run(f"{registry.host}/{APP}", running)
    await engine.run(APP, running)
    assert registry.counts["tags"] > 2
    registry.forget_counts()
    for version in (f"1.{LONG_LIST // 50}.0", f"1.{LONG_LIST // 50}.1", "2.0.0"):
        engine.clock.advance(3_600)
        (new,) = release(registry, version)
        engine.services.images.clear()
        engine.services.run(f"{registry.host}/{APP}", running, new)
        await engine.checked(APP, "latest", new)
        assert version in (await engine.run(APP, new)).tags
    assert registry.counts["tags"] == 0
    engine.clock.advance(7 * 24 * 3_600)
    (new,) = release(registry, "2.0.1")
    engine.services.run(f"{registry.host}/{APP}", running, new)
    assert "2.0.1" in (await engine.run(APP, new)).tags
    assert registry.counts["tags"] > 0
