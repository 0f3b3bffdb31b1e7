"""Digests, manifests and platforms of a registry that needs no login."""

import pytest

from dockrev.errors import InvalidArgument, RegistryError, RegistryErrorCode
from dockrev.oci.digest import Digest
from dockrev.oci.manifest import ACCEPT, ImageManifest, Index
from dockrev.oci.platform import Platform
from dockrev.oci.ref import ImageRef
from dockrev.registry.client import RegistryClient
from tests.fakes.images import Stored, index_image, single_image
from tests.fakes.registry import FakeRegistry


def ref(registry: FakeRegistry, name: str = "library/nginx:1.27") -> ImageRef:
    return ImageRef.parse(f"{registry.host}/{name}")


async def test_a_tag_costs_one_head_and_no_ping(client: RegistryClient) -> None:
    async with FakeRegistry() as registry:
        digest = registry.push("library/nginx", "1.27")

        assert await client.head(ref(registry)) == digest
        assert registry.requests == ["HEAD /v2/library/nginx/manifests/1.27"]


async def test_a_reference_without_tag_asks_for_its_digest(client: RegistryClient) -> None:
    async with FakeRegistry() as registry:
        digest = registry.push("library/nginx", "1.27")

        assert await client.head(ref(registry, f"library/nginx@{digest}")) == digest
        assert registry.requests == [f"HEAD /v2/library/nginx/manifests/{digest}"]


async def test_the_tag_counts_when_a_reference_has_tag_and_digest(client: RegistryClient) -> None:
    async with FakeRegistry() as registry:
        old = registry.push("library/nginx", "1.27")
        new = registry.push("library/nginx", "1.27", revision="2")

        assert await client.head(ref(registry).at(old)) == new


@pytest.mark.parametrize("fault", ["no_digest_header", "malformed_digest_header"])
async def test_the_bytes_are_hashed_when_the_registry_names_no_digest(
    client: RegistryClient, fault: str
) -> None:
    async with FakeRegistry() as registry:
        digest = registry.push("library/nginx", "1.27")
        setattr(registry.faults, fault, True)

        assert await client.head(ref(registry)) == digest
        assert (registry.counts["head"], registry.counts["get_manifest"]) == (1, 1)


async def test_the_manifest_of_a_multi_platform_image_lists_platforms_and_no_attestations(
    client: RegistryClient,
) -> None:
    async with FakeRegistry() as registry:
        image = index_image("seed", ["linux/amd64", "linux/arm/v7"])
        digest = registry.push_image("library/nginx", "1.27", image)

        manifest = await client.manifest(ref(registry).at(digest))

    assert isinstance(manifest, Index)
    assert {str(child.platform): child.digest for child in manifest.children} == image.children


@pytest.mark.parametrize("docker", [True, False])
async def test_the_platform_of_a_single_image_comes_from_its_config(
    client: RegistryClient, docker: bool
) -> None:
    async with FakeRegistry() as registry:
        digest = registry.push_image("app", "1", single_image("seed", "linux/arm64", docker=docker))
        app = ref(registry, "app:1").at(digest)

        manifest = await client.manifest(app)

        assert isinstance(manifest, ImageManifest)
        assert await client.config_platform(app, manifest.config) == Platform("linux", "arm64")


async def test_a_manifest_is_only_asked_for_by_digest(client: RegistryClient) -> None:
    with pytest.raises(InvalidArgument, match="names no digest"):
        await client.manifest(ImageRef.parse("localhost:1/app:1"))


async def test_content_that_does_not_have_its_digest_is_refused(client: RegistryClient) -> None:
    async with FakeRegistry() as registry:
        digest = registry.push_single("app", "1")
        app = ref(registry, "app:1").at(digest)
        manifest = await client.manifest(app)
        assert isinstance(manifest, ImageManifest)
        registry.faults.wrong_digest = True

        for question in (client.manifest(app), client.config_platform(app, manifest.config)):
            with pytest.raises(RegistryError, match="does not have the digest") as caught:
                await question
            assert caught.value.reason is RegistryErrorCode.BAD_ANSWER


async def test_a_digest_asked_for_by_digest_must_come_back(client: RegistryClient) -> None:
    async with FakeRegistry() as registry:
        digest = registry.push("app", "1")
        registry.faults.wrong_digest = registry.faults.no_digest_header = True

        with pytest.raises(RegistryError, match="another digest"):
            await client.head(ref(registry, f"app@{digest}"))


async def test_the_page_of_a_captive_portal_is_no_manifest(client: RegistryClient) -> None:
    async with FakeRegistry() as registry:
        digest = registry.push("app", "1")
        app = ref(registry, "app:1")
        registry.faults.html = True

        for question in (client.head(app), client.manifest(app.at(digest)), client.tags(app)):
            with pytest.raises(RegistryError) as caught:
                await question
            assert caught.value.reason is RegistryErrorCode.BAD_ANSWER
            assert registry.host in caught.value.message


async def test_a_body_that_is_too_long_is_refused(client: RegistryClient) -> None:
    async with FakeRegistry() as registry:
        image = single_image("seed")
        image.top = Stored(image.top.media_type, image.top.body + b" " * (4 * 1024 * 1024))
        image.manifests = [image.top]
        digest = registry.push_image("app", "1", image)

        with pytest.raises(RegistryError, match="more than 4194304 bytes") as caught:
            await client.manifest(ref(registry, "app:1").at(digest))
        assert caught.value.permanent


@pytest.mark.parametrize(
    ("status", "reason", "permanent"),
    [
        (400, RegistryErrorCode.BAD_ANSWER, False),
        (403, RegistryErrorCode.UNAUTHORIZED, True),
        (404, RegistryErrorCode.NOT_FOUND, True),
        (418, RegistryErrorCode.BAD_ANSWER, False),
        (500, RegistryErrorCode.SERVER_ERROR, False),
        (599, RegistryErrorCode.SERVER_ERROR, False),
    ],
)
async def test_a_status_says_why_there_is_no_answer(
    client: RegistryClient, status: int, reason: RegistryErrorCode, permanent: bool
) -> None:
    async with FakeRegistry() as registry:
        registry.push("app", "1")
        registry.fail("app").status = status

        with pytest.raises(RegistryError) as caught:
            await client.head(ref(registry, "app:1"))

    assert (caught.value.reason, caught.value.permanent) == (reason, permanent)
    assert f"the digest of {registry.host}/app:1" in caught.value.message


async def test_one_bad_repository_does_not_harm_the_others(client: RegistryClient) -> None:
    async with FakeRegistry() as registry:
        digest = registry.push("good", "1")
        registry.fail("bad").status = 500
        for _ in range(4):
            with pytest.raises(RegistryError):
                await client.head(ref(registry, "bad:1"))

        assert await client.head(ref(registry, "good:1")) == digest


async def test_a_server_error_is_retried_once(client: RegistryClient) -> None:
    async with FakeRegistry() as registry:
        digest = registry.push("app", "1")
        registry.faults.status, registry.faults.status_times = 502, 1

        assert await client.head(ref(registry, "app:1")) == digest
        assert registry.counts["head"] == 2

        registry.faults.status_times = None
        with pytest.raises(RegistryError, match="502 Bad Gateway"):
            await client.head(ref(registry, "app:1"))
        assert registry.counts["head"] == 4


async def test_every_media_type_is_accepted_in_the_order_registries_expect() -> None:
    assert [part.rpartition(".")[2] for part in ACCEPT.split(", ")] == [
        "v1+json",
        "v2+json",
        "v1+json",
        "v2+json",
    ]
    assert ACCEPT.startswith("application/vnd.oci.image.index")


async def test_a_digest_of_an_algorithm_that_cannot_be_computed_proves_nothing(
    client: RegistryClient,
) -> None:
    async with FakeRegistry() as registry:
        image = single_image("seed")
        registry.push_image("app", "1", image)
        strange = Digest("blake3:abcdef")
        registry.push_image("app", "2", image)
        registry.content("app").manifests[strange] = image.top

        with pytest.raises(RegistryError, match="does not have the digest"):
            await client.manifest(ref(registry, "app").at(strange))
