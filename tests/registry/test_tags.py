"""Tag lists: pages, their ends, and lists that have none."""

from typing import Literal

import pytest
from structlog.testing import capture_logs

from dockrev.errors import RegistryError, RegistryErrorCode
from dockrev.oci.ref import ImageRef
from dockrev.registry.client import RegistryClient
from dockrev.registry.links import next_link
from dockrev.registry.tag_pages import MAX_TAGS
from tests.fakes.registry import FakeRegistry

ASKED = "https://registry.example:5000/v2/app/tags/list?n=1000"


async def test_all_pages_of_a_tag_list_are_read(client: RegistryClient) -> None:
    async with FakeRegistry("bearer", page_size=100) as registry:
        for number in range(250):
            registry.push_single("app", f"1.{number}")

        tags = await client.tags(ImageRef.parse(f"{registry.host}/app"))

        assert tags == sorted(f"1.{number}" for number in range(250))
        assert registry.counts["tags"] == 3 + registry.counts["401"]


async def test_tags_come_in_the_order_of_their_registry(client: RegistryClient) -> None:
    async with FakeRegistry(page_size=2) as registry:
        registry.lists_oldest_first = True
        for tag in ("1.9", "1.10", "latest", "1.11", "1.2"):
            registry.push_single("app", tag)

        tags = await client.tags(ImageRef.parse(f"{registry.host}/app"))

        assert tags == ["1.9", "1.10", "latest", "1.11", "1.2"]


@pytest.mark.parametrize("name", ["../../other/manifests/1.0", "1.0?x=y", "1.0#x", "\n1.0", "", "-1.0", "é"])
async def test_a_name_that_cannot_be_a_tag_is_left_out(client: RegistryClient, name: str) -> None:
    async with FakeRegistry() as registry:
        digest = registry.push("app", "1.0")
        registry.retag("app", name, digest)

        assert await client.tags(ImageRef.parse(f"{registry.host}/app")) == ["1.0"]


@pytest.mark.parametrize(("kind", "pages"), [("same page", 1), ("nothing new", 2)])
async def test_a_list_that_repeats_itself_is_cut(
    client: RegistryClient, kind: Literal["same page", "nothing new"], pages: int
) -> None:
    async with FakeRegistry() as registry:
        registry.push("app", "1")
        registry.faults.endless_tags = kind

        with capture_logs() as logs:
            assert await client.tags(ImageRef.parse(f"{registry.host}/app")) == ["1"]

        assert registry.counts["tags"] == pages
        assert [entry["action"] for entry in logs] == ["registry.tags_cut"]


async def test_a_list_that_grows_for_ever_is_cut(client: RegistryClient) -> None:
    async with FakeRegistry() as registry:
        registry.push("app", "1")
        registry.faults.endless_tags = "always new"

        assert len(await client.tags(ImageRef.parse(f"{registry.host}/app"))) == MAX_TAGS


async def test_a_registry_that_refuses_the_page_size_is_asked_without_it(client: RegistryClient) -> None:
    async with FakeRegistry() as registry:
        registry.push("app", "1")
        registry.faults.status, registry.faults.status_times = 400, 1

        assert await client.tags(ImageRef.parse(f"{registry.host}/app")) == ["1"]
        assert registry.requests[1] == "GET /v2/app/tags/list"


async def test_the_tags_of_an_unknown_repository_are_not_found(client: RegistryClient) -> None:
    async with FakeRegistry() as registry:
        with pytest.raises(
            RegistryError, match=f"found nothing when asked for the tags of {registry.host}/app"
        ) as caught:
            await client.tags(ImageRef.parse(f"{registry.host}/app"))

        assert caught.value.reason is RegistryErrorCode.NOT_FOUND


@pytest.mark.parametrize(
    ("header", "target"),
    [
        ('</v2/app/tags/list?n=2&last=b>; rel="next"', "/v2/app/tags/list?n=2&last=b"),
        ("</v2/app/tags/list?last=b>; rel=next", "/v2/app/tags/list?last=b"),
        ('<list?last=b>; rel="next"', "/v2/app/tags/list?last=b"),
        ('<?last=b>;rel="next"', "/v2/app/tags/list?last=b"),
        ('<http://registry.example/v2/app/tags/list?last=b>; rel="next"', "/v2/app/tags/list?last=b"),
        ('</a?x=1,2>; rel="prev", </b?x=1,2>; rel="next"', "/b?x=1,2"),
        ('</b>; title="a, b"; rel="next"', "/b"),
        ('</b>; rel="prev"', None),
        ('</b>; rel="nextish"', None),
        ("nonsense", None),
    ],
)
def test_the_link_header_names_the_next_page(header: str, target: str | None) -> None:
    assert next_link([header], ASKED) == target


@pytest.mark.parametrize("link", ["https://evil.example/v2/app/tags/list?last=b", "//evil.example/x"])
def test_a_next_page_on_another_host_is_refused(link: str) -> None:
    with pytest.raises(RegistryError, match="another host") as caught:
        next_link([f'<{link}>; rel="next"'], ASKED)
    assert caught.value.reason is RegistryErrorCode.BAD_ANSWER
