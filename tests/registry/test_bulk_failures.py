"""A bulk API that fails gives no wrong answer, and the client does not ask it again too soon."""

from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from functools import partial
from pathlib import Path

import orjson
import pytest
from structlog.testing import capture_logs

from dockrev.config.server import RegistryConfig
from dockrev.errors import RegistryError, RegistryErrorCode
from dockrev.http.failure import HttpFailure
from dockrev.http.messages import HttpRequest
from dockrev.oci.ref import ImageRef
from dockrev.registry.bulk.listing import MAX_PAGES
from dockrev.registry.bulk.models import BulkUnavailable
from dockrev.registry.client import RegistryClient, open_http
from tests.fakes.bulk import HTML, BulkFaults, FakeBulk
from tests.fakes.bulk_apis import FakeDockerHub, FakeGitHub, FakeGitLab, FakeGoogle, FakeHarbor
from tests.fakes.clock import MovableClock
from tests.registry.bulk_cases import CASES, Case, Opened, failure, log_in, opened
from tests.registry.conftest import SHORT, OpenClient, write_auths

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


@pytest.fixture(params=CASES, ids=str)
def case(request: pytest.FixtureRequest) -> Case:
    assert isinstance(request.param, Case)
    return request.param


@pytest.fixture
async def api(case: Case, open_client: OpenClient, docker_config: Path) -> AsyncIterator[Opened]:
    async with opened(case, open_client, docker_config) as given:
        given.server.push("acme/other", "1")
        yield given


@pytest.mark.parametrize(
    ("faults", "lasts"),
    [
        (BulkFaults(down=True), 10 * MINUTE),
        (BulkFaults(status=500), 10 * MINUTE),
        (BulkFaults(text=HTML), HOUR),
        (BulkFaults(text="[1, 2]"), DAY),
        (BulkFaults(text='{"results": {}, "tags": 7, "name": "acme/app"}'), DAY),
        (BulkFaults(status=404, text="404 page not found"), DAY),
        (BulkFaults(status=405), DAY),
        (BulkFaults(status=429, headers=(("Retry-After", "90"),)), timedelta(seconds=90)),
        (BulkFaults(status=403, headers=(("Retry-After", "90"),)), timedelta(seconds=90)),
    ],
    ids=["down", "500", "html", "list", "object", "no api", "405", "429", "403 limit"],
)
async def test_a_failing_api_is_not_asked_again_too_soon(
    api: Opened, clock: MovableClock, faults: BulkFaults, lasts: timedelta
) -> None:
    await api.all()
    api.server.faults = faults

    failed = await failure(api)

    assert failed.until == clock.now() + lasts
    api.server.faults = BulkFaults()
    api.server.forget_requests()
    assert not api.client.has_bulk_api(api.ref)
    assert not api.client.has_bulk_api(api.repository("acme/other"))
    assert api.server.requests == []

    clock.advance(lasts.total_seconds() + 1)
    assert await api.all()


async def test_an_api_that_does_not_answer_in_time_is_not_asked_again_too_soon(
    case: Case, open_client: OpenClient, docker_config: Path, clock: MovableClock
) -> None:
    async with opened(case, partial(open_client, timeouts=SHORT), docker_config) as api:
        await api.all()
        api.server.faults.slow_seconds = 30

        assert (await failure(api)).until == clock.now() + 10 * MINUTE
        assert not api.client.has_bulk_api(api.ref)


@pytest.mark.parametrize(("status", "text"), [(403, "{}"), (404, '{"message": "Not Found"}')])
async def test_a_refused_repository_does_not_block_others(
    api: Opened, clock: MovableClock, status: int, text: str
) -> None:
    await api.all()
    api.server.faults = BulkFaults(status=status, text=text)

    failed = await failure(api)

    assert failed.until == clock.now() + DAY
    api.server.faults = BulkFaults()
    assert not api.client.has_bulk_api(api.ref)
    assert await api.all(api.repository("acme/other"))
    clock.advance(DAY.total_seconds() + 1)
    assert await api.all()


@pytest.mark.parametrize(
    "case", [each for each in CASES if "scr" not in each.name and "hcr" not in each.name], ids=str
)
async def test_a_repository_that_needs_a_login_does_not_block_others(api: Opened) -> None:
    await api.all()
    api.server.faults = BulkFaults(status=401)

    await failure(api)

    api.server.faults = BulkFaults()
    assert not api.client.has_bulk_api(api.ref)
    assert await api.all(api.repository("acme/other"))


@pytest.mark.parametrize("case", [each for each in CASES if each.name != "google"], ids=str)
async def test_redirects_of_an_api_are_not_followed(api: Opened, clock: MovableClock) -> None:
    await api.all()
    async with FakeDockerHub() as other:
        api.server.faults = BulkFaults(status=302, headers=(("Location", f"{other.url}/login"),))

        assert (await failure(api)).until == clock.now() + DAY
        assert other.requests == []


async def test_a_redirected_tag_list_of_google_is_read_without_a_login(
    open_client: OpenClient, docker_config: Path
) -> None:
    async with (
        FakeGoogle() as other,
        opened(Case("google", FakeGoogle), open_client, docker_config) as api,
    ):
        await api.all()
        digest = other.push("acme/app", "moved")
        location = f"{other.url}/v2/acme/app/tags/list"
        api.server.faults = BulkFaults(status=307, headers=(("Location", location),))

        assert [tag.digest for tag in await api.all()] == [digest]
        assert other.authorizations[0] is None


async def test_a_login_that_gitlabs_api_refuses_still_counts_for_the_registry(
    open_client: OpenClient, docker_config: Path
) -> None:
    async with opened(Case("gitlab", FakeGitLab), open_client, docker_config) as api:
        await api.all()
        api.server.faults = BulkFaults(status=401, headers=(("WWW-Authenticate", 'Basic realm="x"'),))
        await failure(api)
        api.server.faults = BulkFaults()
        api.server.forget_requests()

        with pytest.raises(RegistryError) as caught:
            await api.client.head(api.ref)

        assert caught.value.reason is RegistryErrorCode.NOT_FOUND  # this server holds no manifests
        assert api.server.authorizations == ["Bearer repository:acme/app:pull"]


async def test_a_repository_that_does_not_exist_costs_no_second_request(api: Opened) -> None:
    await api.all()

    await failure(api, api.repository("acme/missing"))

    assert not api.client.has_bulk_api(api.repository("acme/missing"))
    assert await api.all()


@pytest.mark.parametrize("case", [each for each in CASES if each.pages > 1], ids=str)
async def test_pages_before_a_failure_are_given(api: Opened) -> None:
    for number in range(150):
        newest = api.server.push("acme/app", f"1.{number}")
    pages = api.pages()

    assert (await anext(pages))[0].digest == newest
    api.server.faults = BulkFaults(status=500)
    with pytest.raises(BulkUnavailable, match="500"):
        await anext(pages)

    assert not api.client.has_bulk_api(api.ref)


@pytest.mark.parametrize("digest", [None, "", "sha256:short", "sha512:" + "a" * 64, 7, {"a": 1}])
async def test_a_tag_without_a_real_digest_is_left_out(
    open_client: OpenClient, docker_config: Path, digest: object
) -> None:
    async with opened(Case("hub", FakeDockerHub, "docker.io"), open_client, docker_config) as api:
        good = {"name": "good", "digest": "sha256:" + "a" * 64, "last_updated": "yesterday", "images": [3]}
        rows = [good, {"name": "bad", "digest": digest}]
        api.server.faults.text = orjson.dumps({"results": rows, "next": None}).decode()

        (tag,) = await api.all()

        assert (tag.tag, tag.updated_at, tag.children) == ("good", None, ())


async def test_a_page_of_tags_without_any_digest_is_no_answer(
    open_client: OpenClient, docker_config: Path
) -> None:
    async with opened(Case("hub", FakeDockerHub, "docker.io"), open_client, docker_config) as api:
        rows = [{"name": f"1.{number}", "digest": None} for number in range(3)]
        api.server.faults.text = orjson.dumps({"results": rows, "next": "x"}).decode()

        assert "without digests" in (await failure(api)).why
        assert len(api.server.requests) == 1


@pytest.mark.parametrize("name", ["../../../etc", "a b", "", None, "-x", "a/b"])
async def test_a_name_that_is_no_tag_is_left_out(
    open_client: OpenClient, docker_config: Path, name: object
) -> None:
    async with opened(Case("hub", FakeDockerHub, "docker.io"), open_client, docker_config) as api:
        digest = "sha256:" + "a" * 64
        rows = [{"name": "good", "digest": digest}, {"name": name, "digest": digest}]
        api.server.faults.text = orjson.dumps({"results": rows, "next": None}).decode()

        assert [tag.tag for tag in await api.all()] == ["good"]


async def test_a_repository_without_tags_is_an_answer(open_client: OpenClient, docker_config: Path) -> None:
    async with opened(Case("hub", FakeDockerHub, "docker.io"), open_client, docker_config) as api:
        api.server.faults.text = '{"count": 0, "next": null, "results": null}'

        assert await api.all() == []
        assert api.client.has_bulk_api(api.ref)


async def test_a_list_that_repeats_its_pages_ends(open_client: OpenClient, docker_config: Path) -> None:
    async with opened(Case("hub", FakeDockerHub, "docker.io"), open_client, docker_config) as api:
        rows = [{"name": "1", "digest": "sha256:" + "a" * 64}]
        api.server.faults.text = orjson.dumps({"results": rows, "next": "again"}).decode()

        assert {tag.tag for tag in await api.all()} == {"1"}
        assert len(api.server.requests) == 2


async def test_a_page_that_is_its_own_next_page_is_the_last(
    open_client: OpenClient, docker_config: Path
) -> None:
    async with opened(Case("ghcr", FakeGitHub, "ghcr.io"), open_client, docker_config) as api:
        api.server.faults = BulkFaults(text="[]", headers=(("Link", '</orgs/x?page=2>; rel="next"'),))

        assert await api.all() == []
        assert len(api.server.requests) == 2


async def test_a_list_without_end_is_cut(open_client: OpenClient, docker_config: Path) -> None:
    async with opened(Case("hub", FakeDockerHub, "docker.io"), open_client, docker_config) as api:
        api.server.faults.text = '{"results": [], "next": "more"}'

        with capture_logs() as logs:
            assert await api.all() == []

        assert len(api.server.requests) == MAX_PAGES
        assert [entry["action"] for entry in logs] == ["registry.tags_cut"]


async def test_a_next_page_on_another_host_is_not_asked_for(
    open_client: OpenClient, docker_config: Path
) -> None:
    async with (
        FakeGitHub() as other,
        opened(Case("ghcr", FakeGitHub, "ghcr.io"), open_client, docker_config) as api,
    ):
        link = f"<http://localhost:{other.port}/orgs/acme/x?page=2>"
        api.server.faults.headers = (("Link", f'{link}; rel="next"'),)

        assert "another host" in (await failure(api)).why
        assert other.requests == []


async def test_the_limit_of_docker_hubs_api_does_not_hold_back_the_registry(
    open_client: OpenClient, docker_config: Path, clock: MovableClock
) -> None:
    async with opened(Case("hub", FakeDockerHub, "docker.io"), open_client, docker_config) as api:
        assert isinstance(api.server, FakeDockerHub)
        api.server.left = 0

        failed = await failure(api)

        assert failed.until == api.server.resets_at
        assert api.client.has_spare_quota(api.ref)
        (usage,) = api.client.usage()
        assert (usage.host, usage.cool_down_until) == (api.server.host, api.server.resets_at)


async def test_github_is_not_asked_until_its_limit_resets(
    open_client: OpenClient, docker_config: Path
) -> None:
    async with opened(Case("ghcr", FakeGitHub, "ghcr.io"), open_client, docker_config) as api:
        assert isinstance(api.server, FakeGitHub)
        api.server.left = 0

        assert (await failure(api)).until == api.server.resets_at
        assert len(api.server.requests) == 1


async def test_the_limit_that_ghcr_ran_into_counts_for_every_client_of_github(
    docker_config: Path, clock: MovableClock
) -> None:
    log_in(docker_config, "ghcr.io", "ann", "ghp_good")
    async with FakeGitHub() as server:
        config = RegistryConfig(docker_config, github_api_url=server.url)
        async with open_http(config, clock) as http:
            server.left = 0
            registry = RegistryClient(config, clock, http)
            await failure(Opened(server, registry, ImageRef.parse("ghcr.io/acme/app:1")))
            server.forget_requests()

            with pytest.raises(HttpFailure) as caught:
                await http.send(HttpRequest("GET", f"{server.url}/repos/acme/app"))

        assert caught.value.retry_at == server.resets_at
        assert server.requests == []


async def test_ghcr_without_a_login_is_not_asked(
    open_client: OpenClient, docker_config: Path, clock: MovableClock
) -> None:
    async with opened(Case("ghcr", FakeGitHub, "ghcr.io"), open_client, docker_config) as api:
        write_auths(docker_config)

        failed = await failure(api)

        assert "personal access token" in failed.why
        assert not api.client.has_bulk_api(api.ref)
        assert api.server.requests == []

        log_in(docker_config, "ghcr.io", "ann", "ghp_good")
        clock.advance(5 * 60 + 1)
        assert await api.all()


@pytest.mark.parametrize(
    ("fake", "registry", "known"), [(FakeGitHub, "ghcr.io", 0), (FakeHarbor, None, 1)], ids=["ghcr", "harbor"]
)
async def test_a_refused_login_is_sent_once_until_it_changes(
    open_client: OpenClient,
    docker_config: Path,
    clock: MovableClock,
    fake: Callable[[], FakeBulk],
    registry: str | None,
    known: int,
) -> None:
    async with opened(Case("refusing", fake, registry), open_client, docker_config) as api:
        host = registry or api.server.host
        bad = log_in(docker_config, host, "ann", "wrong")
        api.server.login = "Bearer ghp_good" if registry else bad.replace("Basic ", "Basic x")

        first = await failure(api)
        clock.advance(5 * 60 + 1)
        second = await failure(api)

        assert len(api.server.requests) == known + 1
        assert "wrong" not in first.why + second.why
        login = log_in(docker_config, host, "ann", "ghp_good")
        api.server.login = "Bearer ghp_good" if registry else login
        clock.advance(5 * 60 + 1)
        assert await api.all()


async def test_the_client_does_not_ask_anonymously_when_it_cannot_read_the_credentials(
    open_client: OpenClient, docker_config: Path
) -> None:
    async with opened(Case("ghcr", FakeGitHub, "ghcr.io"), open_client, docker_config) as api:
        write_auths(docker_config, **{"ghcr.io": {"auth": "no base64"}})

        await failure(api)

        assert api.server.requests == []
