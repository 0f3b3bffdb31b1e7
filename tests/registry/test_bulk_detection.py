"""The client identifies a registry whose name tells nothing by one request."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from dockrev.oci.ref import ImageRef
from dockrev.registry.bulk.models import BulkUnavailable
from dockrev.registry.client import RegistryClient
from tests.fakes.bulk_apis import FakeGitLab, FakeHarbor
from tests.fakes.clock import MovableClock
from tests.fakes.registry import FakeRegistry
from tests.registry.bulk_cases import Case, Opened, failure, opened
from tests.registry.conftest import OpenClient, cool_down_of

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


async def test_a_plain_registry_is_identified_once_a_day(client: RegistryClient, clock: MovableClock) -> None:
    async with FakeRegistry() as registry:
        ref = ImageRef.parse(f"{registry.host}/app:1")
        registry.push("app", "1")
        for _ in range(3):
            if pages := client.bulk_pages(ref):
                with pytest.raises(BulkUnavailable, match="no bulk API"):
                    await anext(pages)

        assert registry.requests == ["GET /v2/"]
        assert not client.has_bulk_api(ImageRef.parse(f"{registry.host}/other"))
        clock.advance(DAY.total_seconds() + 1)
        assert client.has_bulk_api(ref)


async def test_a_registry_that_challenged_before_is_identified_without_a_request(
    client: RegistryClient,
) -> None:
    async with FakeRegistry("bearer") as registry:
        registry.push("app", "1")
        ref = ImageRef.parse(f"{registry.host}/app:1")
        await client.head(ref)
        registry.forget_counts()

        assert not client.has_bulk_api(ref)
        assert registry.requests == []


async def test_a_registry_that_cannot_be_reached_is_identified_later(
    client: RegistryClient, clock: MovableClock
) -> None:
    async with FakeGitLab() as server:
        digest = server.push("acme/app", "1")
        api = Opened(server, client, ImageRef.parse(f"{server.host}/acme/app:1"))
        server.faults.status = 503

        assert (await failure(api)).until == clock.now() + 10 * MINUTE
        server.faults.status = None
        clock.advance(601)

        assert [tag.digest for tag in await api.all()] == [digest]


async def test_an_api_that_hangs_does_not_make_its_registry_dead(
    open_client: OpenClient, docker_config: Path
) -> None:
    async with opened(Case("harbor", FakeHarbor), open_client, docker_config) as api:
        await api.all()
        api.server.faults.down = True

        failures = await asyncio.gather(*(failure(api, api.repository(f"acme/{name}")) for name in "abc"))

        assert len(failures) == 3
        assert api.client.has_spare_quota(api.ref)


async def test_a_failing_api_does_not_hold_back_its_registry(client: RegistryClient) -> None:
    async with FakeRegistry("bearer", realm="http://127.0.0.1:9/service/token") as registry:
        registry.push("app", "1")
        ref = ImageRef.parse(f"{registry.host}/app:1")
        pages = client.bulk_pages(ref)
        assert pages

        with pytest.raises(BulkUnavailable, match="denies access"):
            await anext(pages)

        assert cool_down_of(client, registry) is None
        assert client.has_spare_quota(ref)
