"""Rate limits, quotas, dead and slow hosts: they get few requests, and other hosts do not wait for them."""

import asyncio
import time
from collections.abc import Coroutine, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from dockrev.errors import RegistryError, RegistryErrorCode
from dockrev.oci.ref import ImageRef
from dockrev.registry.client import RegistryClient
from tests.fakes.clock import MovableClock
from tests.fakes.registry import Auth, FakeRegistry
from tests.registry.conftest import SHORT, OpenClient, cool_down_of, requests_to, write_auths


def refs(registry: FakeRegistry, count: int) -> list[ImageRef]:
    for number in range(count):
        registry.push(f"app{number}", "1")
    return [ImageRef.parse(f"{registry.host}/app{number}:1") for number in range(count)]


async def failures(questions: Sequence[Coroutine[Any, Any, object]]) -> list[RegistryError]:
    """Asks all at once; gives the errors of those that failed."""
    outcomes = await asyncio.gather(*questions, return_exceptions=True)
    assert all(isinstance(o, RegistryError) for o in outcomes if isinstance(o, BaseException))
    return [outcome for outcome in outcomes if isinstance(outcome, RegistryError)]


async def test_at_most_seven_requests_to_a_host_run_at_once(client: RegistryClient) -> None:
    async with FakeRegistry(latency_seconds=0.01) as registry:
        images = refs(registry, 30)

        await asyncio.gather(*(client.head(image) for image in images))

        assert registry.peak == 7
        assert registry.counts == {"head": 30}


async def test_a_used_up_quota_wastes_two_requests_and_starts_a_cool_down(
    client: RegistryClient, clock: MovableClock
) -> None:
    async with FakeRegistry(latency_seconds=0.01) as registry:
        images = [image.at(await client.head(image)) for image in refs(registry, 20)]
        registry.limits.quota, registry.limits.retry_after = 8, "600"

        failed = await failures([client.manifest(image) for image in images])

        until = clock.now() + timedelta(minutes=10)
        assert len(failed) == 12
        assert {(error.reason, error.retry_at) for error in failed} == {
            (RegistryErrorCode.RATE_LIMITED, until)
        }
        assert registry.counts["429"] <= 2
        assert cool_down_of(client, registry) == until
        assert "2026-01-02T03:14:05" in failed[0].message


async def test_nothing_is_sent_during_a_cool_down_and_all_is_well_after_it(
    client: RegistryClient, clock: MovableClock
) -> None:
    async with FakeRegistry() as registry:
        (image,) = refs(registry, 1)
        registry.limits.burst, registry.limits.retry_after = 0, "60"
        await failures([client.head(image)])
        registry.heal()
        registry.forget_counts()

        assert len(await failures([client.head(image), client.tags(image)])) == 2
        assert registry.requests == []

        clock.advance(61)
        assert cool_down_of(client, registry) is None
        await client.head(image)


async def test_a_short_retry_after_is_waited_for(client: RegistryClient) -> None:
    async with FakeRegistry() as registry:
        (image,) = refs(registry, 1)
        registry.faults.status, registry.faults.status_times = 429, 1
        registry.limits.retry_after = "1"
        began = time.monotonic()

        await client.head(image)

        assert time.monotonic() - began >= 1
        assert registry.counts["head"] == 2


@pytest.mark.parametrize("auth", ["none", "bearer", "basic"])
@pytest.mark.parametrize("retry_after", [None, "0", "soon", "-5", "Fri, 02 Jan 2026 03:00:00 GMT"])
async def test_refusals_without_a_time_are_retried_once_then_left_alone_for_a_minute(
    client: RegistryClient, docker_config: Path, clock: MovableClock, auth: Auth, retry_after: str | None
) -> None:
    async with FakeRegistry(auth) as registry:
        write_auths(docker_config, **{registry.host: {"auth": "YW5uOnMzY3JldA=="}} if auth == "basic" else {})
        images = refs(registry, 20)
        registry.faults.status, registry.limits.retry_after = 429, retry_after

        failed = await failures([client.head(image) for image in images])

        assert registry.counts["429"] == 2
        assert {error.retry_at for error in failed} == {clock.now() + timedelta(seconds=60)}
        assert len(failed) == 20


async def test_a_challenge_does_not_prove_that_a_host_may_be_asked(client: RegistryClient) -> None:
    async with FakeRegistry("bearer") as registry:
        images = refs(registry, 20)
        registry.limits.burst = 1

        assert len(await failures([client.head(image) for image in images])) == 20

        assert (registry.counts["401"], registry.counts["429"]) == (1, 2)


async def test_a_host_that_was_asked_long_ago_gets_one_request_first(
    client: RegistryClient, clock: MovableClock
) -> None:
    async with FakeRegistry() as registry:
        images = refs(registry, 20)
        await client.head(images[0])
        clock.advance(3600)
        registry.faults.status, registry.limits.retry_after = 429, "0"

        assert len(await failures([client.head(image) for image in images])) == 20

        assert registry.counts["429"] == 2


async def test_a_host_that_refuses_after_each_wait_is_left_alone(client: RegistryClient) -> None:
    async with FakeRegistry() as registry:
        images = refs(registry, 20)
        registry.faults.status, registry.limits.retry_after = 429, "1"

        assert len(await failures([client.head(image) for image in images])) == 20

        assert registry.counts["429"] == 3


async def test_only_one_of_many_refused_requests_tries_again_after_the_pause(client: RegistryClient) -> None:
    async with FakeRegistry(latency_seconds=0.01) as registry:
        images = refs(registry, 20)
        await client.head(images[0])
        registry.faults.status, registry.limits.retry_after = 429, "0"

        assert len(await failures([client.head(image) for image in images])) == 20

        assert registry.counts["429"] == 7 + 1


async def test_one_attempt_means_one_request(open_client: OpenClient) -> None:
    async with FakeRegistry() as registry, open_client(attempts=1) as client:
        (image,) = refs(registry, 1)
        registry.faults.status = 429

        await failures([client.head(image)])

        assert registry.counts["head"] == 1


async def test_a_rate_limited_registry_answers_everything_in_the_end(open_client: OpenClient) -> None:
    async with FakeRegistry(latency_seconds=0.005) as registry, open_client(base_ms=50) as client:
        images = refs(registry, 60)
        registry.limits.burst, registry.limits.rate = 10, 100.0

        assert await failures([client.head(image) for image in images]) == []

        assert registry.counts["429"] <= 14


async def test_a_limited_token_server_cools_its_registry_down(
    client: RegistryClient, clock: MovableClock
) -> None:
    async with FakeRegistry("bearer") as registry:
        images = refs(registry, 20)
        registry.token_status, registry.limits.retry_after = 429, "30"

        failed = await failures([client.head(image) for image in images])

        assert {error.reason for error in failed} == {RegistryErrorCode.RATE_LIMITED}
        assert registry.counts["token"] <= 7
        assert cool_down_of(client, registry) == clock.now() + timedelta(seconds=30)


async def test_a_limited_host_does_not_hold_up_another(client: RegistryClient) -> None:
    async with FakeRegistry() as limited, FakeRegistry() as free:
        limited.limits.burst, limited.limits.retry_after = 0, "3600"
        questions = [client.head(image) for image in refs(limited, 10) + refs(free, 10)]

        failed = await failures(questions)

        assert len(failed) == 10
        assert free.counts == {"head": 10}


async def test_a_host_that_refuses_connections_is_tried_twice(
    client: RegistryClient, clock: MovableClock
) -> None:
    async with FakeRegistry() as registry:
        images = refs(registry, 20)
        await registry.stop()

        failed = await failures([client.head(image) for image in images])

        assert {error.reason for error in failed} == {RegistryErrorCode.UNREACHABLE}
        assert requests_to(client, registry) == 2

        await registry.start()
        assert len(await failures([client.head(images[0])])) == 1
        clock.advance(31)
        assert await failures([client.head(image) for image in images]) == []


async def test_a_host_that_is_still_dead_is_probed_once(client: RegistryClient, clock: MovableClock) -> None:
    async with FakeRegistry() as registry:
        images = refs(registry, 20)
        await client.head(images[0])
        await registry.stop()
        await failures([client.head(image) for image in images])
        clock.advance(31)
        before = requests_to(client, registry)

        assert len(await failures([client.head(image) for image in images])) == 20
        assert requests_to(client, registry) == before + 1


async def test_a_host_that_answers_between_failures_is_not_dead(client: RegistryClient) -> None:
    async with FakeRegistry() as registry:
        (image,) = refs(registry, 1)
        for _ in range(4):
            registry.faults.down = True
            assert len(await failures([client.head(image)])) == 1
            registry.faults.down = False
            await client.head(image)


async def test_a_host_that_closes_connections_gets_two_requests(client: RegistryClient) -> None:
    async with FakeRegistry() as registry:
        images = refs(registry, 20)
        registry.faults.down = True

        failed = await failures([client.head(image) for image in images])

        assert {error.reason for error in failed} == {RegistryErrorCode.UNREACHABLE}
        assert "closed the connection" in failed[0].message
        assert requests_to(client, registry) == 2


async def test_a_slow_host_gets_two_requests_and_no_other_host_waits(open_client: OpenClient) -> None:
    async with (
        FakeRegistry() as slow,
        FakeRegistry() as quick,
        open_client(timeouts=SHORT) as client,
    ):
        slow.faults.slow_seconds = 30
        waiting = asyncio.ensure_future(failures([client.head(image) for image in refs(slow, 20)]))
        assert await failures([client.head(image) for image in refs(quick, 20)]) == []
        assert not waiting.done()

        failed = await waiting

        assert {error.reason for error in failed} == {RegistryErrorCode.TIMEOUT}
        assert slow.counts["head"] == 2
        assert f"within {SHORT.total_seconds:g} s" in failed[0].message


async def test_a_dead_token_server_is_not_tried_for_every_request(client: RegistryClient) -> None:
    async with FakeRegistry() as tokens, FakeRegistry("bearer", realm=f"{tokens.url}/token") as registry:
        images = refs(registry, 10)
        await tokens.stop()

        failed = await failures([client.head(image) for image in images])

        assert len(failed) == 10
        assert all(tokens.host in error.message for error in failed)
        assert registry.counts["head"] == 1
        assert requests_to(client, tokens) <= 7


async def test_a_burst_of_refusals_starts_one_cool_down(client: RegistryClient) -> None:
    async with FakeRegistry(latency_seconds=0.01) as registry:
        images = refs(registry, 8)
        await client.head(images[0])
        registry.faults.status, registry.limits.retry_after = 429, "600"

        with capture_logs() as logs:
            await failures([client.head(image) for image in images])

        assert [entry["action"] for entry in logs] == ["http.cool_down"]


async def test_no_cool_down_is_longer_than_six_hours(client: RegistryClient, clock: MovableClock) -> None:
    async with FakeRegistry() as registry:
        (image,) = refs(registry, 1)
        registry.faults.status, registry.limits.retry_after = 429, "Fri, 01 Jan 2027 00:00:00 GMT"

        (error,) = await failures([client.head(image)])

        assert error.retry_at == clock.now() + timedelta(hours=6)
