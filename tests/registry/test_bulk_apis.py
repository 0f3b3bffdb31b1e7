"""Bulk APIs give many tags with their digests in one request."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from dockrev.oci.manifest import Child
from dockrev.oci.platform import Platform
from dockrev.oci.ref import ImageRef
from dockrev.registry.bulk.apis import WITHOUT_API, api_behind, api_of, is_named
from dockrev.registry.bulk.gitlab import GitLab
from dockrev.registry.bulk.google import Google
from dockrev.registry.challenge import Basic, Bearer
from dockrev.registry.client import RegistryClient
from tests.fakes.bulk_apis import FakeDockerHub, FakeGitHub, FakeGitLab, FakeHarbor
from tests.registry.bulk_cases import CASES, Case, Opened, log_in, opened
from tests.registry.conftest import OpenClient


@pytest.fixture(params=CASES, ids=str)
def case(request: pytest.FixtureRequest) -> Case:
    assert isinstance(request.param, Case)
    return request.param


@pytest.fixture
async def api(case: Case, open_client: OpenClient, docker_config: Path) -> AsyncIterator[Opened]:
    async with opened(case, open_client, docker_config) as given:
        yield given


async def test_one_request_names_what_each_tag_points_at(api: Opened) -> None:
    old = api.server.push("acme/app", "1.0.0")
    new = api.server.push("acme/app", "latest")

    tags = await api.all()

    assert [(tag.tag, tag.digest) for tag in tags] == [("latest", new), ("1.0.0", old)]
    assert [tag.updated_at for tag in tags] == [one.at for one in api.server.newest_first("acme/app")]
    assert len(api.server.listings) <= 2

    api.server.forget_requests()
    await api.all()

    assert len(api.server.requests) == 1


async def test_a_caller_can_read_all_pages(api: Opened, case: Case) -> None:
    pushed = {"latest": api.server.push("acme/app", "latest")}
    pushed |= {f"1.{number}": api.server.push("acme/app", f"1.{number}") for number in range(249)}
    await api.all()
    api.server.forget_requests()

    tags = await api.all()

    assert {tag.tag: tag.digest for tag in tags} == pushed
    assert [tag.updated_at for tag in tags] == [one.at for one in api.server.newest_first("acme/app")]
    assert len(api.server.requests) == case.pages


async def test_the_client_asks_for_no_page_that_the_caller_does_not_read(api: Opened) -> None:
    for number in range(250):
        newest = api.server.push("acme/app", f"1.{number}")
    await api.all()
    api.server.forget_requests()

    async for page in api.pages():
        assert page[0].digest == newest
        break

    assert len(api.server.requests) == 1


async def test_all_requests_go_to_this_server(api: Opened) -> None:
    for number in range(150):
        api.server.push("acme/app", f"1.{number}")

    await api.all()

    assert sum(usage.requests_24h for usage in api.client.usage()) == len(api.server.requests)


@pytest.mark.parametrize("case", [each for each in CASES if each.name in {"docker hub", "harbor"}], ids=str)
async def test_the_images_of_an_index_are_given_where_the_api_lists_them(api: Opened) -> None:
    api.server.push("acme/app", "single", ())

    single, multi = await api.all()

    children = dict(api.server.newest_first("acme/app")[1].children)
    assert single.children == ()
    assert multi.children == tuple(
        Child(Platform("linux", architecture), digest) for architecture, digest in children.items()
    )


@pytest.mark.parametrize(
    "case", [each for each in CASES if each.name in {"harbor", "ghcr", "gitlab"}], ids=str
)
async def test_nested_repositories_have_pages(api: Opened) -> None:
    digest = api.server.push("acme/tools/app/web", "1")

    (tag,) = await api.all(api.repository("acme/tools/app/web"))

    assert tag.digest == digest


async def test_ghcr_remembers_whether_an_owner_is_an_organisation_or_a_user(
    open_client: OpenClient, docker_config: Path
) -> None:
    case = Case("user", lambda: FakeGitHub(users=("ann",)), "ghcr.io")
    async with opened(case, open_client, docker_config) as api:
        api.server.push("ann/one", "1")
        api.server.push("ann/two", "1")

        await api.all(api.repository("ann/one"))
        assert [line.split("/")[1] for line in api.server.requests] == ["orgs", "users"]
        await api.all(api.repository("ann/two"))

        assert [line.split("/")[1] for line in api.server.requests] == ["orgs", "users", "users"]


async def test_a_missing_package_does_not_make_an_organisation_a_user(
    open_client: OpenClient, docker_config: Path
) -> None:
    async with opened(Case("org", FakeGitHub, "ghcr.io"), open_client, docker_config) as api:
        with pytest.raises(Exception, match="found nothing"):
            await api.all(api.repository("acme/missing"))
        api.server.forget_requests()

        assert await api.all()
        assert len(api.server.requests) == 1


@pytest.mark.parametrize(
    ("sorts", "orders", "first"),
    [(("desc",), ["-published_at", "desc", "desc"], "1499"), ((), ["-published_at", "desc", "", ""], "0999")],
)
async def test_the_client_remembers_how_a_gitlab_that_cannot_sort_by_time_can_sort(
    open_client: OpenClient, docker_config: Path, sorts: tuple[str, ...], orders: list[str], first: str
) -> None:
    async with opened(Case("old gitlab", FakeGitLab), open_client, docker_config) as api:
        assert isinstance(api.server, FakeGitLab)
        api.server.sorts = sorts
        digests = {f"{number:04}": api.server.push("acme/many", f"{number:04}") for number in range(1500)}

        tags = await api.all(api.repository("acme/many"))

        assert {tag.tag: tag.digest for tag in tags} == digests
        assert tags[0].tag == first
        assert [order_in(line) for line in api.server.listings] == orders

        await api.all()

        assert order_in(api.server.listings[-1]) == orders[-1]


def order_in(listing: str) -> str:
    return listing.partition("sort=")[2].partition("&")[0]


@pytest.mark.parametrize("status", [401, 403])
async def test_docker_hub_falls_back_to_its_older_path_when_the_documented_one_wants_a_login(
    open_client: OpenClient, docker_config: Path, status: int
) -> None:
    async with opened(Case("hub", FakeDockerHub, "docker.io"), open_client, docker_config) as api:
        assert isinstance(api.server, FakeDockerHub)
        api.server.documented_for = status

        assert [tag.tag for tag in await api.all()] == ["latest"]
        await api.all()

        paths = [line.partition("/tags?")[0].rpartition(" ")[2] for line in api.server.listings]
        older = "/v2/repositories/acme/app"
        assert paths == ["/v2/namespaces/acme/repositories/app", older, older]


async def test_harbor_gets_the_login_of_its_registry(open_client: OpenClient, docker_config: Path) -> None:
    async with FakeHarbor() as server, open_client() as client:
        server.login = log_in(docker_config, server.host, "robot$ann", "geheim")
        digest = server.push("acme/app", "1")
        api = Opened(server, client, ImageRef.parse(f"{server.host}/acme/app"))

        assert [tag.digest for tag in await api.all()] == [digest]
        assert server.authorizations == [None, server.login]


async def test_the_api_of_docker_hub_never_gets_the_login_of_the_registry(
    open_client: OpenClient, docker_config: Path
) -> None:
    async with opened(Case("hub", FakeDockerHub, "docker.io"), open_client, docker_config) as api:
        log_in(docker_config, "https://index.docker.io/v1/", "ann", "geheim")

        await api.all()

        assert api.server.authorizations == [None]


async def test_github_gets_the_token_and_not_the_login_of_ghcr(
    open_client: OpenClient, docker_config: Path
) -> None:
    async with opened(Case("ghcr", FakeGitHub, "ghcr.io"), open_client, docker_config) as api:
        await api.all()

        assert api.server.authorizations == ["Bearer ghp_good"]


@pytest.mark.parametrize(
    ("registry", "api"),
    [
        ("docker.io", "DockerHub"),
        ("gcr.io", "Google"),
        ("eu.gcr.io", "Google"),
        ("europe-west1-docker.pkg.dev", "Google"),
        ("registry.k8s.io", "Google"),
        ("evilgcr.io", None),
        ("a.b.gcr.io", "Google"),
        ("123456.dkr.ecr.eu-west-1.amazonaws.com", None),
        ("public.ecr.aws", None),
        ("registry.example", None),
    ],
)
def test_the_name_of_a_registry_tells_its_api(registry: str, api: str | None) -> None:
    found = api_of(registry)

    assert (type(found).__name__ if found else None) == api


def test_a_realm_tells_who_made_the_registry() -> None:
    assert isinstance(api_behind(Bearer("https://gitlab.example/jwt/auth", "container_registry")), GitLab)
    assert isinstance(api_behind(Bearer("https://gcr.example/v2/token", "gcr.example")), Google)
    assert api_behind(Bearer("https://gitea.example/v2/token", "container_registry")) is None
    assert api_behind(Bearer("https://auth.example/token", "registry")) is None
    assert api_behind(Basic()) is None


async def test_no_request_is_needed_for_registries_that_are_listed_without_an_api(
    client: RegistryClient,
) -> None:
    without = [name for name in WITHOUT_API if not name.startswith(".")]

    for registry in [*without, "1.dkr.ecr.eu-west-1.amazonaws.com", "acme.azurecr.io"]:
        ref = ImageRef.parse(f"{registry}/acme/app")
        assert (is_named(registry), client.has_bulk_api(ref), client.bulk_pages(ref)) == (True, False, None)
    assert client.usage() == []
