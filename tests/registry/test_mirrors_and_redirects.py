"""Mirrors come before the registry; a redirect to another host carries no credentials."""

import base64
from collections.abc import Callable
from pathlib import Path

import pytest

from dockrev.errors import RegistryError, RegistryErrorCode
from dockrev.oci.manifest import ImageManifest
from dockrev.oci.platform import Platform
from dockrev.oci.ref import ImageRef
from dockrev.registry.client import RegistryClient
from tests.fakes.registry import FakeRegistry
from tests.registry.conftest import OpenClient, cool_down_of, write_auths

ALICE = {"auth": base64.b64encode(b"alice:wonderland").decode()}


def hang_up(mirror: FakeRegistry) -> None:
    mirror.faults.down = True


def answer_html(mirror: FakeRegistry) -> None:
    mirror.faults.html = True


def answer_500(mirror: FakeRegistry) -> None:
    mirror.faults.status = 500


def limit(mirror: FakeRegistry) -> None:
    mirror.limits.burst, mirror.limits.retry_after = 0, "600"


def forget(mirror: FakeRegistry) -> None:
    mirror.delete_tag("app", "1")


async def test_a_mirror_is_asked_instead_of_the_registry(open_client: OpenClient) -> None:
    async with FakeRegistry() as mirror, FakeRegistry() as origin:
        digest = mirror.push("app", "1")
        image = ImageRef.parse(f"{origin.host}/app:1")

        async with open_client(mirrors={origin.host: (mirror.url,)}) as client:
            assert await client.head(image) == digest
            assert await client.tags(image) == ["1"]

        assert origin.requests == []


@pytest.mark.parametrize("harm", [hang_up, answer_html, answer_500, limit, forget])
async def test_a_failing_mirror_is_skipped(
    open_client: OpenClient, harm: Callable[[FakeRegistry], None]
) -> None:
    async with FakeRegistry() as mirror, FakeRegistry() as origin:
        mirror.push("app", "1", revision="other")
        harm(mirror)
        digest = origin.push("app", "1")
        image = ImageRef.parse(f"{origin.host}/app:1")

        async with open_client(mirrors={origin.host: (mirror.url,)}) as client:
            assert await client.head(image) == digest
            assert cool_down_of(client, origin) is None


async def test_mirrors_are_asked_in_order_and_the_error_of_the_registry_counts(
    open_client: OpenClient,
) -> None:
    async with FakeRegistry() as one, FakeRegistry() as two, FakeRegistry() as origin:
        image = ImageRef.parse(f"{origin.host}/app:1")

        async with open_client(mirrors={origin.host: (one.url, two.url)}) as client:
            with pytest.raises(RegistryError, match=f"^{origin.host} found nothing") as caught:
                await client.head(image)

        assert caught.value.reason is RegistryErrorCode.NOT_FOUND
        assert [len(registry.requests) for registry in (one, two, origin)] == [1, 1, 1]


async def test_a_mirror_has_its_own_login(open_client: OpenClient, docker_config: Path) -> None:
    async with FakeRegistry("basic", users={"bob": "b"}) as mirror, FakeRegistry() as origin:
        write_auths(docker_config, **{origin.host: ALICE})
        digest = mirror.push("app", "1")
        url = mirror.url.replace("//", "//bob:b@")

        async with open_client(mirrors={origin.host: (url,)}) as client:
            assert await client.head(ImageRef.parse(f"{origin.host}/app:1")) == digest

        assert f"Basic {ALICE['auth']}" not in mirror.authorizations


async def test_a_config_blob_is_fetched_from_storage_without_credentials(
    client: RegistryClient, docker_config: Path
) -> None:
    async with (
        FakeRegistry() as storage,
        FakeRegistry("bearer", users={"alice": "wonderland"}) as registry,
    ):
        write_auths(docker_config, **{registry.host: ALICE, storage.host: ALICE})
        digest = registry.push_single("app", "1", platform="linux/arm64")
        storage.push_single("app", "1", platform="linux/arm64")
        storage.push("app", "2")
        image = ImageRef.parse(f"{registry.host}/app@{digest}")
        registry.faults.redirect_blobs_to = storage.url
        manifest = await client.manifest(image)
        assert isinstance(manifest, ImageManifest)

        platform = await client.config_platform(image, manifest.config)

        assert platform == Platform("linux", "arm64")
        assert storage.authorizations == [None]
        assert storage.counts == {"blob": 1}


async def test_a_registry_that_a_redirect_leads_to_gets_no_login(
    client: RegistryClient, docker_config: Path
) -> None:
    async with (
        FakeRegistry("bearer", users={"alice": "wonderland"}) as home,
        FakeRegistry() as alias,
    ):
        write_auths(docker_config, **{home.host: ALICE, alias.host: ALICE})
        digest = home.push("team/app", "1")
        alias.faults.redirect_to = home.url

        assert await client.head(ImageRef.parse(f"{alias.host}/team/app:1")) == digest

        assert not any((header or "").startswith("Basic") for header in home.authorizations)


async def test_a_redirect_loop_ends(client: RegistryClient) -> None:
    async with FakeRegistry() as one, FakeRegistry() as two:
        one.faults.redirect_to, two.faults.redirect_to = two.url, one.url

        with pytest.raises(RegistryError, match="redirects without end"):
            await client.head(ImageRef.parse(f"{one.host}/app:1"))

        assert len(one.requests) + len(two.requests) == 6


@pytest.mark.parametrize("target", ["file:///etc/passwd?", "http://", "http://host:port", "http://[::1"])
async def test_a_redirect_to_an_unusable_url_is_refused(client: RegistryClient, target: str) -> None:
    async with FakeRegistry() as registry:
        registry.push("app", "1")
        registry.faults.redirect_to = target

        with pytest.raises(RegistryError, match="redirects to nowhere"):
            await client.head(ImageRef.parse(f"{registry.host}/app:1"))
