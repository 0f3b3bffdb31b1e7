"""Logging in at a registry: challenges, tokens, and which server gets which login."""

import asyncio
import base64
from pathlib import Path

import pytest

from dockrev.errors import RegistryError, RegistryErrorCode
from dockrev.oci.ref import ImageRef
from dockrev.registry.client import RegistryClient
from tests.fakes.clock import MovableClock
from tests.fakes.registry import FakeRegistry
from tests.registry.conftest import OpenClient, write_auths

ALICE = {"auth": base64.b64encode(b"alice:wonderland").decode()}


def refs(registry: FakeRegistry, count: int, tag: str = "1") -> list[ImageRef]:
    """Pushes that many repositories."""
    for number in range(count):
        registry.push(f"team/app{number}", tag)
    return [ImageRef.parse(f"{registry.host}/team/app{number}:{tag}") for number in range(count)]


async def ask_all(client: RegistryClient, images: list[ImageRef]) -> None:
    await client.prepare(images)
    await asyncio.gather(*(client.head(image) for image in images))


async def test_only_one_of_many_first_requests_gets_the_challenge(client: RegistryClient) -> None:
    async with FakeRegistry("bearer") as registry:
        await ask_all(client, refs(registry, 100))

        assert registry.counts == {"head": 101, "401": 1, "token": 5}
        assert registry.scopes == [20] * 5
        assert registry.peak <= 7 + 5


async def test_a_second_check_costs_one_head_for_each_image(client: RegistryClient) -> None:
    async with FakeRegistry("bearer") as registry:
        images = refs(registry, 30)
        await ask_all(client, images)
        registry.forget_counts()

        await ask_all(client, images)

        assert registry.counts == {"head": 30}


async def test_preparing_sends_nothing(client: RegistryClient) -> None:
    async with FakeRegistry("bearer") as registry:
        await client.prepare(refs(registry, 3))

        assert registry.requests == []


async def test_parallel_jobs_share_a_token_that_is_being_fetched(client: RegistryClient) -> None:
    async with FakeRegistry("bearer", latency_seconds=0.02) as registry:
        images = refs(registry, 20)
        await client.head(images[0])
        registry.forget_counts()

        async with asyncio.TaskGroup() as jobs:
            jobs.create_task(ask_all(client, images))
            await registry.until(lambda: any("/token" in request for request in registry.requests))
            jobs.create_task(ask_all(client, images))

        assert registry.counts == {"head": 40, "token": 1}


async def test_a_token_that_is_being_fetched_is_not_requested_again(client: RegistryClient) -> None:
    async with FakeRegistry("bearer", latency_seconds=0.02) as registry:
        *images, first = refs(registry, 21)
        await client.head(first)
        registry.forget_counts()

        async with asyncio.TaskGroup() as jobs:
            jobs.create_task(ask_all(client, images))
            await registry.until(lambda: any("/token" in request for request in registry.requests))
            await client.prepare(images)
            registry.push("team/another", "1")
            jobs.create_task(client.head(ImageRef.parse(f"{registry.host}/team/another:1")))

        assert registry.scopes == [20, 1]


async def test_a_token_is_renewed_before_it_expires(client: RegistryClient, clock: MovableClock) -> None:
    async with FakeRegistry("bearer", clock=clock, expires_in=300) as registry:
        (image,) = refs(registry, 1)
        await client.head(image)
        clock.advance(289)
        await client.head(image)
        assert registry.counts["token"] == 1

        clock.advance(2)
        await client.head(image)

        assert (registry.counts["token"], registry.counts["401"]) == (2, 1)


async def test_a_token_without_expiry_lives_for_a_minute(client: RegistryClient, clock: MovableClock) -> None:
    async with FakeRegistry("bearer", clock=clock, expires_in=None) as registry:
        (image,) = refs(registry, 1)
        for seconds in (0, 49, 2):
            clock.advance(seconds)
            await client.head(image)

        assert (registry.counts["token"], registry.counts["401"]) == (2, 1)


async def test_expired_tokens_are_renewed_together(client: RegistryClient, clock: MovableClock) -> None:
    async with FakeRegistry("bearer", clock=clock) as registry:
        images = refs(registry, 40)
        await ask_all(client, images)
        clock.advance(3600)
        registry.forget_counts()

        await ask_all(client, images)

        assert registry.counts == {"head": 40, "token": 2}


async def test_a_token_that_the_registry_forgot_is_replaced_once(client: RegistryClient) -> None:
    async with FakeRegistry("bearer") as registry:
        (image,) = refs(registry, 1)
        await client.head(image)
        registry.expire_tokens()
        registry.forget_counts()

        await client.head(image)

        assert registry.counts == {"head": 2, "401": 1, "token": 1}


async def test_forgotten_tokens_are_replaced_for_all_repositories_that_shared_them(
    client: RegistryClient,
) -> None:
    async with FakeRegistry("bearer", latency_seconds=0.005) as registry:
        images = refs(registry, 40)
        await ask_all(client, images)
        registry.expire_tokens()
        registry.forget_counts()

        await ask_all(client, images)

        assert registry.counts["token"] == 2
        assert registry.counts["401"] <= 14


async def test_a_registry_that_challenges_again_and_again_gets_one_new_token(client: RegistryClient) -> None:
    async with FakeRegistry("bearer") as registry:
        (image,) = refs(registry, 1)
        registry.faults.challenge_loop = True

        for _ in range(2):
            with pytest.raises(RegistryError) as caught:
                await client.head(image)
            assert caught.value.reason is RegistryErrorCode.UNAUTHORIZED

        assert (registry.counts["head"], registry.counts["token"]) == (2, 1)


async def test_a_denied_repository_is_tried_again_after_ten_minutes(
    client: RegistryClient, clock: MovableClock
) -> None:
    async with FakeRegistry("bearer", private=["team/app0"]) as registry:
        (image,) = refs(registry, 1)
        with pytest.raises(RegistryError, match="docker login"):
            await client.head(image)
        registry.private.clear()
        clock.advance(601)

        await client.head(image)


async def test_five_hundred_repositories_need_twenty_five_tokens(client: RegistryClient) -> None:
    async with FakeRegistry("bearer") as registry:
        await ask_all(client, refs(registry, 500))

        assert registry.counts == {"head": 501, "401": 1, "token": 25}
        assert max(len(request) for request in registry.requests) < 4096


async def test_a_token_request_holds_as_many_long_names_as_its_url_has_room_for(
    client: RegistryClient,
) -> None:
    async with FakeRegistry("bearer") as registry:
        registry.limits.max_url = 4096
        names = [f"team/{'very-' * 40}long{number}" for number in range(40)]
        for name in names:
            registry.push(name, "1")

        await ask_all(client, [ImageRef.parse(f"{registry.host}/{name}:1") for name in names])

        assert registry.counts["401"] == 1
        assert registry.counts["token"] == 3
        assert max(map(len, registry.requests)) <= 4096


@pytest.mark.parametrize("status", [400, 401, 403, 414, 431])
async def test_a_server_that_refuses_merged_scopes_gets_one_scope_for_each_token(
    client: RegistryClient, status: int
) -> None:
    async with FakeRegistry("bearer") as registry:
        registry.limits.max_scopes, registry.limits.merge_status = 1, status
        images = refs(registry, 20)
        await ask_all(client, images)
        assert sorted(registry.scopes) == [1] * 20 + [20]

        registry.forget_counts()
        await ask_all(client, images + refs(registry, 25)[20:])

        assert set(registry.scopes) == {1}


async def test_a_server_that_grants_only_the_first_scope_gets_one_scope_for_each_token(
    client: RegistryClient,
) -> None:
    async with FakeRegistry("bearer") as registry:
        registry.limits.only_first_scope = True
        images = refs(registry, 20)
        await client.prepare(images)

        for image in images:
            await client.head(image)

        assert registry.counts["401"] == 2
        assert registry.scopes == [20] + [1] * 19


async def test_a_private_repository_does_not_break_the_token_of_the_others(client: RegistryClient) -> None:
    async with FakeRegistry("bearer", private=["team/app3"]) as registry:
        images = refs(registry, 20)
        await client.prepare(images)

        outcomes = await asyncio.gather(*(client.head(i) for i in images), return_exceptions=True)

        assert [isinstance(outcome, RegistryError) for outcome in outcomes].count(True) == 1
        assert registry.scopes == [20, 1]


async def test_a_login_opens_private_repositories(client: RegistryClient, docker_config: Path) -> None:
    async with FakeRegistry("bearer", users={"alice": "wonderland"}, private=["team/app0"]) as registry:
        write_auths(docker_config, **{registry.host: ALICE})
        (image,) = refs(registry, 1)

        await client.head(image)

        with_login = [a for a in registry.authorizations if a and a.startswith("Basic")]
        assert len(with_login) == 1


async def test_a_refused_login_is_not_tried_again_until_it_changes(
    client: RegistryClient, docker_config: Path, clock: MovableClock
) -> None:
    async with FakeRegistry("bearer", users={"alice": "looking-glass"}) as registry:
        write_auths(docker_config, **{registry.host: ALICE})
        images = refs(registry, 20)
        await client.prepare(images)
        outcomes = await asyncio.gather(*(client.head(i) for i in images), return_exceptions=True)
        assert all(isinstance(outcome, RegistryError) for outcome in outcomes)
        clock.advance(86_400)
        with pytest.raises(RegistryError, match="refused the login 'alice'"):
            await client.head(images[0])
        assert registry.counts["token"] == 2, "one for all scopes, one for a single scope"

        write_auths(docker_config, **{registry.host: {"username": "alice", "password": "looking-glass"}})

        await client.head(images[0])


async def test_an_identity_token_is_exchanged_by_oauth2(client: RegistryClient, docker_config: Path) -> None:
    async with FakeRegistry("bearer", private=["team/app0"]) as registry:
        registry.identity_tokens.add("refresh-me")
        write_auths(docker_config, **{registry.host: {"identitytoken": "refresh-me"}})
        (image,) = refs(registry, 1)

        await client.head(image)

        assert "POST /token" in registry.requests
        assert not any("refresh-me" in request for request in registry.requests)


async def test_every_request_carries_a_basic_login(client: RegistryClient, docker_config: Path) -> None:
    async with FakeRegistry("basic", users={"alice": "wonderland"}) as registry:
        write_auths(docker_config, **{registry.host: ALICE})

        await ask_all(client, refs(registry, 20))

        assert registry.counts == {"head": 21, "401": 1}


async def test_a_refused_basic_login_is_sent_once(client: RegistryClient, docker_config: Path) -> None:
    async with FakeRegistry("basic", users={"alice": "other"}) as registry:
        write_auths(docker_config, **{registry.host: ALICE})
        images = refs(registry, 10)

        outcomes = await asyncio.gather(*(client.head(i) for i in images), return_exceptions=True)

        assert all(isinstance(outcome, RegistryError) for outcome in outcomes)
        assert registry.counts == {"head": 2, "401": 2}


async def test_a_registry_whose_login_is_missing_is_asked_once(client: RegistryClient) -> None:
    async with FakeRegistry("basic", users={"alice": "other"}) as registry:
        images = refs(registry, 5)
        for image in images:
            with pytest.raises(RegistryError, match="needs a login; run docker login"):
                await client.head(image)

        assert registry.counts["head"] == 1


async def test_the_token_server_may_be_another_host(client: RegistryClient, docker_config: Path) -> None:
    async with (
        FakeRegistry("bearer", users={"alice": "wonderland"}) as tokens,
        FakeRegistry("bearer", realm=f"{tokens.url}/token") as registry,
    ):
        write_auths(docker_config, **{registry.host: ALICE})
        (image,) = refs(registry, 1)
        registry.share_grants_of(tokens)

        await client.head(image)

        assert tokens.counts["token"] == 1
        assert not any((a or "").startswith("Basic") for a in registry.authorizations)


@pytest.mark.parametrize(
    "realm", ["ftp://127.0.0.1/token", "/token", "http://user:pass@127.0.0.1/token", "http://[::1/token", ""]
)
async def test_a_realm_that_is_no_plain_url_is_refused(client: RegistryClient, realm: str) -> None:
    async with FakeRegistry("bearer", realm=realm or "http://") as registry:
        (image,) = refs(registry, 1)

        with pytest.raises(
            RegistryError, match="names a token server that no login may be sent to"
        ) as caught:
            await client.head(image)
        assert caught.value.reason is RegistryErrorCode.BAD_ANSWER


async def test_a_token_server_that_redirects_gets_no_login_elsewhere(
    client: RegistryClient, docker_config: Path
) -> None:
    async with FakeRegistry("bearer") as thief, FakeRegistry("bearer") as registry:
        registry.realm = f"{registry.url}/moved"
        registry.moved_token = f"{thief.url}/token"
        write_auths(docker_config, **{registry.host: ALICE})
        (image,) = refs(registry, 1)

        with pytest.raises(RegistryError, match="answered HTTP 307"):
            await client.head(image)

        assert thief.requests == []


async def test_secrets_stay_out_of_messages(client: RegistryClient, docker_config: Path) -> None:
    async with FakeRegistry("bearer", users={"alice": "other"}) as registry:
        write_auths(docker_config, **{registry.host: ALICE})
        (image,) = refs(registry, 1)

        with pytest.raises(RegistryError) as caught:
            await client.head(image)

    told = f"{caught.value!r} {caught.value.message} {caught.value.details}"
    assert "wonderland" not in told
    assert ALICE["auth"] not in told


async def test_two_clients_do_not_share_tokens(open_client: OpenClient) -> None:
    async with FakeRegistry("bearer") as registry:
        (image,) = refs(registry, 1)
        for _ in range(2):
            async with open_client() as client:
                await client.head(image)

        assert registry.counts["token"] == 2
