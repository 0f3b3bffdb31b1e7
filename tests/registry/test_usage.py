"""What each host allows and was sent, and whether background work may ask it."""

from datetime import timedelta

import pytest

from dockrev.http.rate_limit import HostUsage
from dockrev.oci.ref import ImageRef
from dockrev.registry.client import RegistryClient
from tests.fakes.bulk_apis import FakeQuay
from tests.fakes.clock import MovableClock
from tests.fakes.registry import FakeRegistry
from tests.registry.conftest import OpenClient, cool_down_of, requests_to


async def test_each_host_is_listed_with_its_requests_of_a_day(
    client: RegistryClient, clock: MovableClock
) -> None:
    async with FakeRegistry("bearer") as registry, FakeRegistry() as other:
        for server in (registry, other):
            server.push("app", "1")
            await client.head(ImageRef.parse(f"{server.host}/app:1"))

        assert client.usage() == sorted(
            (
                HostUsage(server.host, None, None, None, None, len(server.requests))
                for server in (registry, other)
            ),
            key=lambda usage: usage.host,
        )

        clock.advance(24 * 3600)
        assert client.usage() == []


async def test_a_quota_is_shown_and_holds_background_work_back(
    client: RegistryClient, clock: MovableClock
) -> None:
    async with FakeQuay() as server:
        server.push("acme/app", "1")
        ref = ImageRef.parse(f"{server.host}/acme/app:1")
        pages = client.bulk_pages(ref)
        assert pages
        assert client.has_spare_quota(ref)
        server.faults.headers = (("RateLimit-Limit", "100;w=60"), ("RateLimit-Remaining", "20;w=60"))

        await anext(pages)

        minute_later = clock.now() + timedelta(seconds=60)
        assert client.usage() == [HostUsage(server.host, 20, 100, minute_later, None, 2)]
        assert not client.has_spare_quota(ref)
        clock.advance(60)
        assert client.has_spare_quota(ref)


async def test_there_is_no_spare_quota_during_a_cool_down(
    client: RegistryClient, clock: MovableClock
) -> None:
    async with FakeRegistry() as registry:
        registry.faults.status, registry.limits.retry_after = 429, "60"
        ref = ImageRef.parse(f"{registry.host}/app:1")
        with pytest.raises(Exception, match="limits how often"):
            await client.head(ref)

        (usage,) = client.usage()

        assert usage == HostUsage(registry.host, None, None, None, clock.now() + timedelta(seconds=60), 1)
        assert not client.has_spare_quota(ref)
        clock.advance(61)
        assert client.has_spare_quota(ref)


async def test_there_is_no_spare_quota_while_a_host_is_dead(
    client: RegistryClient, clock: MovableClock
) -> None:
    async with FakeRegistry() as registry:
        registry.faults.down = True
        ref = ImageRef.parse(f"{registry.host}/app:1")
        for _ in range(2):
            with pytest.raises(Exception, match="closed the connection"):
                await client.head(ref)

        assert not client.has_spare_quota(ref)
        assert client.has_spare_quota(ImageRef.parse("127.0.0.1:9/app"))
        clock.advance(31)
        assert client.has_spare_quota(ref)


async def test_a_mirror_without_spare_quota_counts(open_client: OpenClient) -> None:
    async with FakeRegistry() as mirror, FakeRegistry() as origin:
        origin.push("app", "1")
        ref = ImageRef.parse(f"{origin.host}/app:1")
        mirror.faults.status, mirror.limits.retry_after = 429, "60"
        async with open_client(mirrors={origin.host: (mirror.url,)}) as client:
            await client.head(ref)

            assert not client.has_spare_quota(ref)
            assert cool_down_of(client, origin) is None


async def test_every_request_is_counted_once(client: RegistryClient) -> None:
    async with FakeRegistry("bearer") as registry:
        registry.push("app", "1")
        ref = ImageRef.parse(f"{registry.host}/app:1")
        await client.manifest(ref.at(await client.head(ref)))
        registry.faults.down = True
        with pytest.raises(Exception, match="closed the connection"):
            await client.tags(ref)

        # HEAD with its challenge, token, HEAD again, GET, tags. aiohttp itself repeats the last one, because
        # the server closed a connection that it had kept open.
        assert requests_to(client, registry) == 5
