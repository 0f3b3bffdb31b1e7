import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import pytest
from structlog.testing import capture_logs
from structlog.typing import EventDict

from dockrev.discovery.watch import DiscoveryWatch, Pace
from dockrev.docker.engine import Engine
from dockrev.errors import StorageError, Unavailable
from dockrev.stacks.models import Stack, StackStatus
from dockrev.stacks.store import StackStore
from tests.discovery.counted import CountedScanner
from tests.discovery.host import DiscoveryHost
from tests.fakes.engine import answering_bytes, http
from tests.hosts.building import host_of

WEB = "services: {web: {image: nginx}}"
QUICK = Pace(
    quiet_seconds=0.02,
    busy_seconds=0.04,
    max_busy_seconds=0.04,
    retry_pauses=(0.04, 0.08, 0.1),
)
NEVER = 600.0


@dataclass
class Watched:
    watch: DiscoveryWatch
    scanner: CountedScanner


@asynccontextmanager
async def watching(
    world: DiscoveryHost,
    interval_seconds: float = NEVER,
    pace: Pace = QUICK,
    engine: Engine | None = None,
    stacks: StackStore | None = None,
) -> AsyncIterator[Watched]:
    host = host_of(engine or world.engine, compose=world.compose)
    scanner = CountedScanner(host, stacks or world.stacks, world.projects, world.clock)
    watch = DiscoveryWatch(host.engine, scanner, interval_seconds, pace)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(watch.run())
        yield Watched(watch, scanner)
        task.cancel()


@pytest.fixture
def lines() -> Iterator[list[EventDict]]:
    with capture_logs() as lines:
        yield lines


def actions(lines: list[EventDict]) -> list[str]:
    return [line["action"] for line in lines if line["log_level"] != "debug"]


async def test_the_first_scan_starts_at_once(host: DiscoveryHost) -> None:
    host.deploy("blog", WEB, "web")

    async with watching(host) as watched:
        await watched.scanner.reached(1)

    assert (await host.stack("blog")).status is StackStatus.HEALTHY


async def test_an_event_starts_a_scan(host: DiscoveryHost) -> None:
    host.deploy("blog", WEB, "web")
    async with watching(host) as watched:
        await watched.scanner.reached(1)
        await host.fake.subscribed()

        host.fake.containers[0].state = "exited"
        host.fake.emit("die", host.fake.containers[0])
        await watched.scanner.reached(2)

    assert (await host.stack("blog")).status is StackStatus.DEGRADED


async def test_a_burst_of_events_starts_one_scan(host: DiscoveryHost) -> None:
    host.deploy("blog", WEB, *["web"] * 20)
    async with watching(host) as watched:
        await watched.scanner.reached(1)
        await host.fake.subscribed()

        for scans in (2, 3):
            for container in host.fake.containers:
                host.fake.emit("start", container)
            await watched.scanner.reached(scans)

        assert watched.scanner.ended == 3


async def test_a_scan_waits_until_no_more_events_come(host: DiscoveryHost) -> None:
    pace = replace(QUICK, quiet_seconds=0.5, busy_seconds=0.6, max_busy_seconds=0.6)
    host.deploy("blog", WEB, "web")
    async with watching(host, pace=pace) as watched:
        await watched.scanner.reached(1)
        await host.fake.subscribed()
        await asyncio.sleep(pace.busy_seconds)  # after this an event may start a scan at once

        for _ in range(2):
            host.fake.emit("start", host.fake.containers[0])
            await asyncio.sleep(0.1)
            assert watched.scanner.ended == 1

        await watched.scanner.reached(2)


async def test_endless_events_do_not_delay_a_scan_forever(host: DiscoveryHost) -> None:
    host.deploy("blog", WEB, "web")

    async def chatter() -> None:
        while True:
            host.fake.emit("health_status: healthy", host.fake.containers[0])
            await asyncio.sleep(QUICK.quiet_seconds / 4)

    async with watching(host) as watched, asyncio.TaskGroup() as group:
        await watched.scanner.reached(1)
        await host.fake.subscribed()
        talking = group.create_task(chatter())
        await watched.scanner.reached(3)
        talking.cancel()


async def test_between_scans_the_engine_gets_no_requests(host: DiscoveryHost) -> None:
    async with watching(host, interval_seconds=0.3) as watched:
        await watched.scanner.reached(2)
        host.fake.calls.clear()

        with pytest.raises(TimeoutError):
            await watched.scanner.reached(3, seconds=0.6)

        assert host.fake.calls == []


async def test_scans_also_start_at_intervals_while_events_arrive(host: DiscoveryHost) -> None:
    pace = replace(QUICK, trusting_seconds=0.1)

    async with watching(host, interval_seconds=0.05, pace=pace) as watched:
        await host.fake.subscribed()
        await watched.scanner.reached(4)


async def test_the_loss_and_the_return_of_the_engine_are_each_logged_once(
    host: DiscoveryHost, lines: list[EventDict]
) -> None:
    host.deploy("blog", WEB, "web")
    async with watching(host) as watched:
        await watched.scanner.reached(1)
        await host.fake.subscribed()
        await asyncio.sleep(QUICK.retry_pauses[0])  # a stream that ends sooner counts as refused

        await host.fake.stop()
        await watched.scanner.reached(4)
        assert (await host.stack("blog")).status is StackStatus.UNKNOWN

        await host.fake.start()
        await watched.scanner.next_success()
        await host.fake.subscribed()
        assert (await host.stack("blog")).status is StackStatus.HEALTHY

    assert actions(lines) == ["discovery.failed", "discovery.recovered"]


async def test_events_start_scans_again_when_the_engine_is_back(host: DiscoveryHost) -> None:
    async with watching(host) as watched:
        await watched.scanner.reached(1)
        await host.fake.subscribed()
        await host.fake.stop()
        await host.fake.start()
        await host.fake.subscribed()

        host.deploy("blog", WEB, "web")
        host.fake.emit("start", host.fake.containers[0])

        async def project_found() -> bool:
            return bool(await host.stacks.all())

        await watched.scanner.until(project_found)


async def test_an_engine_that_starts_later_is_found(host: DiscoveryHost, lines: list[EventDict]) -> None:
    host.deploy("blog", WEB, "web")
    await host.fake.stop()

    async with watching(host) as watched:
        await watched.scanner.reached(3)
        await host.fake.start()
        await watched.scanner.next_success()

    assert actions(lines) == ["discovery.failed", "discovery.recovered"]


async def test_without_events_scans_go_on_at_intervals_with_one_warning(
    host: DiscoveryHost, lines: list[EventDict]
) -> None:
    answers = {
        "/version": http(b'{"Version": "20.10.24", "ApiVersion": "1.41", "Os": "linux", "Arch": "amd64"}'),
        "/containers/json": http(b"[]"),
        "/images/json": http(b"[]"),
        "/events": http(b'{"message": "forbidden"}', status="403 Forbidden"),
    }
    patient = replace(QUICK, retry_pauses=(NEVER,))
    async with (
        answering_bytes(lambda path: answers.get(path, b"")) as config,
        Engine.open(config) as proxy,
        watching(host, 0.05, patient, engine=proxy) as watched,
    ):
        await watched.scanner.reached(8)

    assert actions(lines) == ["discovery.events_unavailable"]


class BrokenDisk(StackStore):
    """A stack store whose first reads fail."""

    failures = 3

    async def all(self) -> list[Stack]:
        if self.failures:
            self.failures -= 1
            raise StorageError("the disk is full")
        return await super().all()


async def test_the_watch_goes_on_after_a_database_failure(
    host: DiscoveryHost, lines: list[EventDict]
) -> None:
    async with watching(host, stacks=BrokenDisk(host.database, host.clock)) as watched:
        await watched.scanner.next_success()

    assert watched.scanner.ended == 4
    assert actions(lines) == ["discovery.failed", "discovery.recovered"]


async def test_the_probe_succeeds_while_the_latest_scan_succeeded(host: DiscoveryHost) -> None:
    async with watching(host) as watched:
        with pytest.raises(Unavailable, match="not finished yet"):
            await watched.watch.probe()

        await watched.scanner.reached(1)
        assert await watched.watch.probe() == "last scan 2026-01-02T03:04:05.000000Z, 0 ms"

        await host.fake.subscribed()
        await asyncio.sleep(QUICK.retry_pauses[0])
        await host.fake.stop()
        await watched.scanner.reached(2)
        with pytest.raises(Unavailable, match="There is no Docker socket"):
            await watched.watch.probe()


async def test_stopping_the_watch_closes_the_event_stream(host: DiscoveryHost) -> None:
    async with watching(host) as watched:
        await watched.scanner.reached(1)
        await host.fake.subscribed()

    host.deploy("blog", WEB, "web")
    host.fake.emit("start", host.fake.containers[0])
    await host.fake.deserted()


def test_the_pauses_between_retries_double_up_to_half_a_minute() -> None:
    retries = Pace().retries

    assert [retries.pause_after(attempt) for attempt in range(1, 8)] == [1, 2, 4, 8, 16, 30, 30]


@pytest.mark.parametrize(("scan_seconds", "busy"), [(0.05, 2), (0.4, 2), (1, 5), (2, 10), (60, 10)])
def test_slow_scans_start_less_often(scan_seconds: float, busy: float) -> None:
    assert Pace().busy_after(scan_seconds) == busy
