"""Checks against a registry on loopback: requests, stored answers and failures."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from dockrev.clock import SystemClock
from dockrev.oci.digest import Digest
from dockrev.stacks.update_state import ArchMatch
from tests.fakes.images import index_image
from tests.fakes.registry import FakeRegistry
from tests.stacks.building import OLD, observed_service, running
from tests.update_checks.bench import Bench


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with Bench.open(tmp_path) as bench:
        yield bench


async def test_an_update_is_found_and_stored(bench: Bench) -> None:
    old = bench.registry.push("web", "1", revision="old")
    await bench.stack("blog", bench.runs("web", "web", "1", old))
    new = bench.registry.push("web", "1", revision="new")
    report = await bench.check()
    assert (report.checked, report.with_candidate, len(report.new_versions)) == (1, 1, 1)
    candidate = (await bench.states())["web"].candidate
    assert candidate is not None
    assert (candidate.digest, candidate.arch_match) == (new, ArchMatch.MATCH)
    assert [str(platform) for platform in candidate.platforms] == ["linux/amd64", "linux/arm64"]


async def test_a_current_image_costs_one_head(bench: Bench) -> None:
    digest = bench.registry.push("web", "1")
    await bench.stack("blog", bench.runs("web", "web", "1", digest))
    report = await bench.check()
    assert report.with_candidate == 0
    assert (await bench.states())["web"].candidate is None
    assert bench.registry.counts == {"head": 1}


async def test_an_image_of_many_services_is_asked_once(bench: Bench) -> None:
    bench.registry.push("web", "1")
    for project in ("a", "b"):
        await bench.stack(project, *(bench.runs(f"web{n}", "web", "1", OLD) for n in range(5)))
    report = await bench.check()
    assert (report.checked, report.with_candidate) == (10, 10)
    assert bench.registry.counts == {"head": 1, "get_manifest": 1}


async def test_a_known_update_costs_one_head_and_is_not_new_again(bench: Bench) -> None:
    bench.registry.push("web", "1")
    await bench.stack("blog", bench.runs("web", "web", "1", OLD))
    await bench.check()
    bench.registry.forget_counts()
    report = await bench.check()
    assert (report.with_candidate, report.new_versions) == (1, ())
    assert bench.registry.counts == {"head": 1}


async def test_a_tag_that_moves_back_costs_one_head(bench: Bench) -> None:
    first = bench.registry.push("web", "1", revision="first")
    await bench.stack("blog", bench.runs("web", "web", "1", OLD))
    await bench.check()
    bench.registry.push("web", "1", revision="second")
    await bench.check()
    bench.registry.retag("web", "1", first)
    bench.registry.forget_counts()
    await bench.check()
    assert bench.registry.counts == {"head": 1}
    candidate = (await bench.states())["web"].candidate
    assert candidate is not None
    assert (candidate.digest, candidate.arch_match) == (first, ArchMatch.MATCH)


async def test_a_change_for_other_platforms_only_is_no_update_when_the_old_index_is_known(
    bench: Bench,
) -> None:
    both = index_image("web", ("linux/amd64", "linux/arm64"))
    more = index_image("web", ("linux/amd64", "linux/arm64", "linux/riscv64"))
    installed = bench.registry.push_image("web", "1", both)
    await bench.stack("blog", bench.runs("web", "web", "1", OLD))
    await bench.check()
    await bench.stack("blog", bench.runs("web", "web", "1", installed))
    moved = bench.registry.push_image("web", "1", more)
    assert moved != installed
    assert (await bench.check()).with_candidate == 0
    assert (await bench.states())["web"].candidate is None


async def test_a_single_platform_image_shows_its_platform(bench: Bench) -> None:
    bench.registry.push_single("web", "1", platform="linux/arm64")
    await bench.stack("blog", bench.runs("web", "web", "1", OLD))
    await bench.check()
    candidate = (await bench.states())["web"].candidate
    assert candidate is not None
    assert candidate.arch_match is ArchMatch.MISMATCH
    assert bench.registry.counts == {"head": 1, "get_manifest": 1, "blob": 1}


async def test_a_hundred_services_are_stored_in_one_transaction(bench: Bench) -> None:
    for number in range(100):
        bench.registry.push(f"app{number}", "1")
    await bench.stack("big", *(bench.runs(f"app{n}", f"app{n}", "1", OLD) for n in range(100)))
    before = bench.database.commits
    report = await bench.check()
    assert (report.checked, report.with_candidate, len(report.new_versions)) == (100, 100, 100)
    assert bench.database.commits - before == 1
    assert bench.registry.peak <= 7


async def test_a_check_of_one_service_asks_only_for_it(bench: Bench) -> None:
    for name in ("web", "db"):
        bench.registry.push(name, "1")
    await bench.stack("blog", bench.runs("web", "web", "1", OLD))
    await bench.stack("shop", bench.runs("db", "db", "1", OLD))
    (web,) = [service for service in await bench.services() if service.name == "web"]
    before = {stack.name: stack.last_check_at for stack in await bench.stacks.all()}
    assert (await bench.check([web])).checked == 1
    assert bench.registry.requests[0] == "HEAD /v2/web/manifests/1"
    assert not any("/db/" in request for request in bench.registry.requests)
    after = {stack.name: stack.last_check_at for stack in await bench.stacks.all()}
    assert after["shop"] == before["shop"]
    assert after["blog"] > before["blog"]


async def test_a_tag_that_no_service_uses_any_more_is_deleted(bench: Bench) -> None:
    for tag in ("1", "2"):
        bench.registry.push("web", tag)
    await bench.stack("blog", bench.runs("web", "web", "1", OLD))
    await bench.check()
    await bench.stack("blog", bench.runs("web", "web", "2", OLD))
    await bench.check()
    assert [tag for _, tag in await bench.images.tags()] == ["2"]


async def test_a_failure_belongs_to_its_service_and_keeps_the_last_result(bench: Bench) -> None:
    for name in ("good", "bad"):
        bench.registry.push(name, "1")
    await bench.stack("blog", *(bench.runs(name, name, "1", OLD) for name in ("good", "bad", "gone")))
    await bench.check()
    before = (await bench.states())["bad"]
    bench.registry.fail("bad").status = 500
    report = await bench.check()
    assert (report.checked, report.with_candidate) == (3, 2)
    assert {each.service.name: each.error.code for each in report.failed} == {
        "bad": "registry_server_error",
        "gone": "image_not_found",
    }
    after = (await bench.states())["bad"]
    assert (after.candidate, after.checked_at) == (before.candidate, before.checked_at)
    assert after.check_error is not None
    assert after.check_error.at >= (before.checked_at or after.check_error.at)
    assert (await bench.states())["good"].check_error is None


async def test_a_successful_check_removes_the_error(bench: Bench) -> None:
    bench.registry.push("web", "1")
    await bench.stack("blog", bench.runs("web", "web", "1", OLD))
    bench.registry.fail("web").status = 500
    await bench.check()
    assert (await bench.states())["web"].check_error is not None
    bench.registry.heal()
    await bench.check()
    assert (await bench.states())["web"].check_error is None


async def test_a_check_waits_for_a_registry_that_asks_for_a_short_pause(bench: Bench) -> None:
    for name in ("a", "b"):
        bench.registry.push(name, "1")
    await bench.stack("blog", *(bench.runs(name, name, "1", OLD) for name in ("a", "b")))
    bench.registry.faults.status = 429
    bench.registry.faults.status_times = 1
    bench.registry.limits.retry_after = "1"
    report = await bench.check()
    assert (report.failed, report.deferred) == ((), ())
    assert report.with_candidate == 2
    assert bench.watcher.pauses
    assert bench.watcher.steps[-1].answered == 2


async def test_a_long_pause_is_reported_as_deferred(bench: Bench) -> None:
    for name in ("a", "b"):
        bench.registry.push(name, "1")
    await bench.stack("blog", *(bench.runs(name, name, "1", OLD) for name in ("a", "b")))
    bench.registry.limits.quota = 0
    bench.registry.limits.retry_after = "3600"
    now = SystemClock().now()
    async with asyncio.timeout(5):
        report = await bench.check()
    assert (report.failed, bench.watcher.pauses) == ((), [])
    (deferral,) = report.deferrals
    assert (deferral.registry, deferral.services) == (bench.registry.host, len(report.deferred))
    assert timedelta(seconds=3590) < deferral.until - now < timedelta(seconds=3610)
    assert await bench.images.first_retry() == min(each.error.retry_at or now for each in report.deferred)


async def test_a_dead_host_does_not_delay_the_others(bench: Bench) -> None:
    bench.registry.push("web", "1")
    async with FakeRegistry() as dead:
        dead.faults.slow_seconds = 30
        lost = [observed_service(f"lost{n}", f"{dead.host}/lost{n}:1", running(OLD)) for n in range(20)]
        await bench.stack("blog", *lost, bench.runs("web", "web", "1", OLD))
        async with asyncio.timeout(8):
            report = await bench.check()
    answered = [
        step.target.name
        for before, step in zip(bench.watcher.steps, bench.watcher.steps[1:], strict=False)
        if step.answered > before.answered and step.target
    ]
    assert answered[0] == "web"
    assert {each.error.code for each in report.failed} == {"registry_timeout"}
    assert (len(report.failed), report.with_candidate) == (20, 1)


async def test_progress_counts_started_and_answered_services(bench: Bench) -> None:
    bench.registry.push("web", "1")
    services = [bench.runs(f"web{n}", "web", "1", OLD) for n in range(3)]
    local = observed_service("local", None, builds=True)
    await bench.stack("blog", *services, local)
    await bench.check()
    assert [(step.started, step.answered, step.total) for step in bench.watcher.steps] == [
        (4, 1, 4),
        (4, 4, 4),
    ]


async def test_a_check_without_services_succeeds(bench: Bench) -> None:
    report = await bench.check()
    assert (report.checked, report.with_candidate, report.new_versions) == (0, 0, ())


async def test_the_revision_of_views_grows_after_a_check(bench: Bench) -> None:
    bench.registry.push("web", "1")
    await bench.stack("blog", bench.runs("web", "web", "1", OLD))
    before = bench.views.revision
    await bench.check()
    assert bench.views.revision > before


async def test_an_image_pulled_by_its_platforms_digest_is_up_to_date(bench: Bench) -> None:
    bench.registry.push("web", "1")
    manifests = bench.registry.content("web").manifests
    index = bench.registry.content("web").tags["1"]
    children = [digest for digest in manifests if digest != index]
    await bench.stack(
        "blog", *(bench.runs(f"s{n}", "web", "1", Digest(child)) for n, child in enumerate(children))
    )
    report = await bench.check()
    assert report.with_candidate == len(children) - 1, "only the one for this host's platform is current"
