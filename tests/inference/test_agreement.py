"""Lookups, full scans and the backfill share what they learn, so every page shows the same versions."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dockrev.clock import timestamp
from dockrev.oci.digest import Digest
from dockrev.versions.models import InferenceReason, Lookup
from tests.fakes.clock import MovableClock
from tests.fakes.registry import FakeRegistry
from tests.inference.building import release
from tests.inference.whole import Whole


@dataclass(frozen=True, slots=True)
class Pages:
    whole: Whole
    stack_id: str

    async def service(self) -> Mapping[str, Any]:
        return (await self.whole.detail(self.stack_id))["web"]

    async def snapshot(self, digest: Digest) -> Mapping[str, Any]:
        return await self._of_service(f"digest-tags-snapshot?digest={digest}")

    async def full_scan(self, digest: Digest) -> Mapping[str, Any]:
        return await self._of_service(f"digest-tags?digest={digest}")

    async def _of_service(self, question: str) -> Mapping[str, Any]:
        service = (await self.whole.services())["web"]
        return await self.whole.get(f"/api/services/{service.id}/{question}")

    async def row(self) -> Mapping[str, Any]:
        (row,) = (await self.whole.get("/api/version-inference/overview"))["rows"]
        document: Mapping[str, Any] = row
        return document


def many(registry: FakeRegistry) -> list[Digest]:
    """More versions than one lookup asks. The oldest version has two spellings."""
    made = release(registry, *(f"1.{minor}.0" for minor in range(60)), path="web")
    registry.retag("web", "v1.0.0", made[0])
    return made


async def test_a_full_scan_finds_a_version_that_a_lookup_missed_and_every_page_shows_it(
    tmp_path: Path, clock: MovableClock, registry: FakeRegistry
) -> None:
    old = many(registry)[0]
    async with Whole.open(tmp_path, clock, registry) as whole, whole.at_work():
        pages = Pages(whole, await whole.stack(web=old))
        await pages.service()
        await whole.wait_done()
        assert (await pages.snapshot(old))["tags"] == []
        clock.advance(60)
        full_scan = await pages.full_scan(old)
        assert full_scan["tags"] == ["v1.0.0", "1.0.0"]
        image, snapshot = (await pages.service())["image"], await pages.snapshot(old)
        assert (image["resolvedTag"], image["resolvedTags"]) == ("v1.0.0", full_scan["tags"])
        assert (snapshot["tags"], snapshot["scan"]) == (full_scan["tags"], full_scan["scan"])
        assert snapshot["checkedAt"] == timestamp(clock.now())
        row = await pages.row()
        assert (row["status"], row["checkedAt"]) == ("ready", snapshot["checkedAt"])


async def test_a_full_scan_renews_stale_and_failed_snapshots(
    tmp_path: Path, clock: MovableClock, registry: FakeRegistry
) -> None:
    old, new = release(registry, "1.4.0", "1.5.1", path="web")
    async with Whole.open(tmp_path, clock, registry) as whole, whole.at_work():
        pages = Pages(whole, await whole.stack(web=old))
        registry.faults.status = 500
        await pages.service()
        await whole.wait_done()
        assert (await pages.row())["status"] == "all_failed"
        registry.heal()
        clock.advance(60)
        await pages.full_scan(old)
        assert (await pages.row())["status"] == "ready"
        assert (await pages.snapshot(old))["tags"] == ["1.4.0"]
        clock.advance(8 * 86_400)
        assert (await pages.row())["status"] == "stale"
        registry.retag("web", "v1.4.0", old)
        full_scan = await pages.full_scan(old)
        snapshot = await pages.snapshot(old)
        assert snapshot["tags"] == full_scan["tags"] == ["v1.4.0", "1.4.0"]
        row, service = await pages.row(), await pages.service()
        assert (row["status"], row["checkedAt"]) == ("ready", snapshot["checkedAt"])
        assert service["image"]["resolvedTags"] == full_scan["tags"]
        assert service["versionInference"]["status"] == "ready"
        assert new != old


async def test_a_lookup_that_reads_the_last_tags_renews_the_snapshots_of_other_digests(
    tmp_path: Path, clock: MovableClock, registry: FakeRegistry
) -> None:
    old, new = release(registry, "1.4.0", "1.5.1", path="web")
    async with Whole.open(tmp_path, clock, registry) as whole, whole.at_work():
        pages = Pages(whole, await whole.stack(web=old))
        await whole.check()
        key = whole.key("web", new)
        await whole.core.inference.queue.enqueue([Lookup(key, InferenceReason.NEW_VERSION)])
        await whole.wait_done()
        before = await pages.snapshot(new)
        assert before["scan"]["manifestsOk"] < before["scan"]["repoTagsTotal"]
        await pages.service()
        await whole.wait_done()
        after = await pages.snapshot(new)
        assert after["scan"]["manifestsOk"] == after["scan"]["repoTagsTotal"] == 3
        assert after["tags"] == ["1.5.1", "latest"]


async def test_a_version_proved_by_its_label_counts_no_unread_tag_list(
    tmp_path: Path, clock: MovableClock, registry: FakeRegistry
) -> None:
    old, _ = release(registry, "1.4.0", "1.5.1", path="web")
    async with Whole.open(tmp_path, clock, registry) as whole, whole.at_work():
        pages = Pages(whole, await whole.stack("1.4.0", web=old))
        await pages.service()
        await whole.wait_done()
        snapshot = await pages.snapshot(old)
        assert (snapshot["tags"], registry.counts["tags"]) == (["1.4.0"], 0)
        assert (snapshot["scan"]["repoTagsTotal"], snapshot["scan"]["manifestsOk"]) == (0, 1)


async def test_reading_a_page_repeats_a_failed_lookup_every_ten_minutes_at_most(
    tmp_path: Path, clock: MovableClock, registry: FakeRegistry
) -> None:
    lost = many(registry)[0]
    for tag in ("1.0.0", "v1.0.0"):
        registry.delete_tag("web", tag)
    async with Whole.open(tmp_path, clock, registry) as whole, whole.at_work():
        pages = Pages(whole, await whole.stack(web=lost))
        await pages.service()
        await whole.wait_done()
        registry.forget_counts()
        for _ in range(9):
            clock.advance(60)
            assert (await pages.service())["versionInference"]["status"] == "ready"
        assert (whole.queued, registry.requests) == ([], [])
        clock.advance(60)
        assert (await pages.service())["versionInference"]["reason"] == "cache_stale"
        await whole.wait_done()
        assert registry.counts["head"] <= 40
        assert (await pages.snapshot(lost))["checkedAt"] == timestamp(clock.now())


async def test_a_lookup_of_the_operator_asks_every_tag_of_the_digest_again(
    tmp_path: Path, clock: MovableClock, registry: FakeRegistry
) -> None:
    old, new = release(registry, "1.4.0", "1.5.1", path="web")
    floating = ("latest", "stable", "edge", "main", "rolling", "nightly")
    for tag in floating:
        registry.retag("web", tag, new)
    async with Whole.open(tmp_path, clock, registry) as whole, whole.at_work():
        pages = Pages(whole, await whole.stack(web=new))
        assert set((await pages.full_scan(new))["tags"]) == {"1.5.1", *floating}
        for tag in floating:
            registry.retag("web", tag, old)
        clock.advance(60)
        await whole.core.inference.queue.enqueue([Lookup(whole.key("web", new), InferenceReason.FORCE)])
        await whole.wait_done()
        assert (await pages.snapshot(new))["tags"] == ["1.5.1"]
        assert set((await pages.full_scan(old))["tags"]) == {"1.4.0", *floating}
