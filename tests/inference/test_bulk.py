"""Lookups at registries with a bulk API, which lists many tags with their digests."""

from pathlib import Path

import pytest

from dockrev.oci.digest import Digest
from dockrev.versions.models import DigestKey, InferenceReason
from tests.fakes.bulk import FakeBulk
from tests.fakes.bulk_apis import FakeGoogle, FakeHarbor, FakeQuay
from tests.fakes.clock import MovableClock
from tests.fakes.registry import FakeRegistry
from tests.inference.building import AMD64, APP, Engine


async def named(engine: Engine, bulk: FakeBulk, content: Digest) -> tuple[str, ...]:
    key = DigestKey(f"{bulk.host}/{APP}", content, AMD64)
    await engine.queue.enqueue([engine.services.lookup(key, InferenceReason.NEW_VERSION)])
    await engine.worker.work_once()
    snapshot = await engine.versions.snapshot(key)
    assert snapshot is not None
    return snapshot.tags


@pytest.mark.parametrize("kind", [FakeGoogle, FakeHarbor])
async def test_one_page_shows_the_versions_of_current_and_candidate(
    kind: type[FakeBulk], tmp_path: Path, clock: MovableClock, registry: FakeRegistry
) -> None:
    async with kind() as bulk, Engine.open(tmp_path, clock, registry) as engine:
        old, new = bulk.push(APP, "1.4.0"), bulk.push(APP, "1.4.1")
        engine.services.run(f"{bulk.host}/{APP}", old, new)
        assert "1.4.1" in await named(engine, bulk, new)
        bulk.forget_requests()
        assert "1.4.0" in await named(engine, bulk, old)
        assert bulk.requests == []


async def test_a_platform_manifest_is_found_when_the_api_lists_it(
    tmp_path: Path, clock: MovableClock, registry: FakeRegistry
) -> None:
    async with FakeHarbor() as bulk, Engine.open(tmp_path, clock, registry) as engine:
        bulk.push(APP, "1.4.0")
        child = dict(bulk.repositories[APP][0].children)["amd64"]
        engine.services.run(f"{bulk.host}/{APP}", child)
        assert await named(engine, bulk, child) == ("1.4.0",)


@pytest.mark.parametrize(
    "version", ["2025.03.0", "1.41.1.9057-af5eaea7a", "RELEASE.2024-10-29T16-01-48Z", "2024-11-01"]
)
async def test_a_full_version_needs_no_second_page_and_no_list(
    version: str, tmp_path: Path, clock: MovableClock, registry: FakeRegistry
) -> None:
    async with FakeQuay() as bulk, Engine.open(tmp_path, clock, registry) as engine:
        content = many_and(bulk, version)
        engine.services.run(f"{bulk.host}/{APP}", None, content)
        assert version in await named(engine, bulk, content)
        assert [line for line in bulk.listings if "/tag/?" not in line] == []
        assert len(bulk.listings) == 1


async def test_two_numbers_are_a_version_when_the_page_shows_the_shorter_tag(
    tmp_path: Path, clock: MovableClock, registry: FakeRegistry
) -> None:
    async with FakeQuay() as bulk, Engine.open(tmp_path, clock, registry) as engine:
        content = many_and(bulk, "17.2", "17", "latest")
        engine.services.run(f"{bulk.host}/{APP}", None, content)
        assert set(await named(engine, bulk, content)) == {"17.2", "17", "latest"}
        assert len(bulk.listings) == 1


async def test_a_moving_tag_on_a_page_leads_to_the_list_and_not_to_four_more_pages(
    tmp_path: Path, clock: MovableClock, registry: FakeRegistry
) -> None:
    async with FakeQuay() as bulk, Engine.open(tmp_path, clock, registry) as engine:
        content = bulk.push(APP, "17.2")
        many_and(bulk, "18.0")
        bulk.tag(APP, "17", "17.2", later=True)
        engine.services.run(f"{bulk.host}/{APP}:17", None, content)
        assert await named(engine, bulk, content) == ("17",)
        assert [line[-6:] for line in bulk.listings if "/tag/?" in line] == ["page=1"]
        assert f"GET /v2/{APP}/tags/list?n=1000" in bulk.listings


async def test_the_next_page_is_read_when_a_page_ends_between_the_tags_of_the_digest(
    tmp_path: Path, clock: MovableClock, registry: FakeRegistry
) -> None:
    async with FakeQuay() as bulk, Engine.open(tmp_path, clock, registry) as engine:
        content = bulk.push(APP, "17.2")
        for tag in ("17", "latest"):
            bulk.tag(APP, tag, "17.2", later=True)
        for number in range(98):
            bulk.push(APP, f"main-{number}-x")
        engine.services.run(f"{bulk.host}/{APP}", None, content)
        assert set(await named(engine, bulk, content)) == {"17.2", "17", "latest"}
        assert [line[-6:] for line in bulk.listings] == ["page=1", "page=2"]


async def test_the_only_page_may_end_with_the_tags_of_the_digest(
    tmp_path: Path, clock: MovableClock, registry: FakeRegistry
) -> None:
    async with FakeQuay() as bulk, Engine.open(tmp_path, clock, registry) as engine:
        content = bulk.push(APP, "17.2")
        bulk.tag(APP, "latest", "17.2", later=True)
        engine.services.run(f"{bulk.host}/{APP}", None, content)
        assert set(await named(engine, bulk, content)) == {"17.2", "latest"}
        assert len(bulk.listings) == 1


def many_and(bulk: FakeBulk, version: str, *others: str) -> Digest:
    """The digest comes after four pages of other content."""
    for number in range(400):
        bulk.push(APP, f"main-{number}-x")
    content = bulk.push(APP, version)
    for tag in others:
        bulk.tag(APP, tag, version)
    return content
