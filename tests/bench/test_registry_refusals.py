import asyncio
import base64

import pytest
from bench.registry_options import BASIC_PASSWORD, BASIC_USER, Auth, Behaviour, ExcessScopes
from bench.traffic import Kind
from bench.wire import Link

from tests.bench.asking import Asker, Hands, asking

REPOSITORY, OTHER = "bench/service-0000", "bench/service-0001"
LATEST = f"/v2/{REPOSITORY}/manifests/latest"


async def test_a_request_without_a_token_gets_the_address_of_the_token_server() -> None:
    async with asking(Behaviour()) as registry:
        refused = await registry.ask(LATEST, "HEAD")

    host = registry.control.host
    assert refused.status == 401
    assert refused.headers["www-authenticate"] == (
        f'Bearer realm="http://{host}/token",service="{host}",scope="repository:{REPOSITORY}:pull"'
    )


async def test_a_token_is_valid_only_for_the_repositories_of_its_scopes() -> None:
    async with asking(Behaviour()) as registry:
        token = await registry.token(REPOSITORY, OTHER)
        opened = [
            await registry.ask(f"/v2/{name}/manifests/latest", token=token) for name in (REPOSITORY, OTHER)
        ]
        closed = await registry.ask("/v2/bench/service-0002/manifests/latest", token=token)

    assert [reply.status for reply in opened] == [200, 200]
    assert closed.status == 401
    assert 'error="insufficient_scope"' in closed.headers["www-authenticate"]


async def test_a_token_expires_after_its_lifetime() -> None:
    clock = Hands()
    async with asking(Behaviour(expires_in=60), now=clock) as registry:
        token = await registry.token(REPOSITORY)
        clock.moment += 59
        last = await registry.ask(LATEST, token=token)
        clock.moment += 1
        late = await registry.ask(LATEST, token=token)

    assert (last.status, late.status) == (200, 401)
    assert 'error="invalid_token"' in late.headers["www-authenticate"]


async def test_all_tokens_can_be_made_to_expire_early() -> None:
    async with asking(Behaviour()) as registry:
        token = await registry.token(REPOSITORY)
        await registry.control.expire_tokens()

        assert (await registry.ask(LATEST, token=token)).status == 401
        assert (await registry.ask(LATEST, token=await registry.token(REPOSITORY))).status == 200


async def test_an_unknown_token_is_refused() -> None:
    async with asking(Behaviour()) as registry:
        assert (await registry.ask(LATEST, token="QQ==")).status == 401


@pytest.mark.parametrize("scope", ["repository:bench/service-0000:push", "registry:catalog:*", "nonsense"])
async def test_only_pulls_are_granted(scope: str) -> None:
    async with asking(Behaviour()) as registry:
        assert (await registry.ask(f"/token?scope={scope}")).status == 400


async def test_too_many_scopes_are_refused_or_dropped_by_the_options() -> None:
    names = [f"bench/service-{number:04}" for number in range(3)]
    query = "&".join(f"scope=repository:{name}:pull" for name in names)
    async with asking(Behaviour(max_scopes=2)) as registry:
        assert (await registry.ask(f"/token?{query}")).status == 400
    async with asking(Behaviour(max_scopes=2, excess_scopes=ExcessScopes.DROP)) as registry:
        token = await registry.token(*names)
        statuses = [
            (await registry.ask(f"/v2/{name}/tags/list", "HEAD", token=token)).status for name in names
        ]

    assert statuses == [200, 200, 401]


async def test_long_urls_and_long_tokens_are_refused() -> None:
    names = [f"bench/service-{number:04}" for number in range(10)]
    async with asking(Behaviour(max_url=300, max_auth_header=200)) as registry:
        assert (await registry.ask("/token?" + "&".join(f"scope={name}" for name in names * 3))).status == 414
        assert (await registry.ask(LATEST, token=await registry.token(*names[:5]))).status == 431
        assert (await registry.ask(LATEST, token=await registry.token(REPOSITORY))).status == 200


async def test_basic_auth_requires_the_right_password() -> None:
    right = base64.b64encode(f"{BASIC_USER}:{BASIC_PASSWORD}".encode()).decode()
    wrong = base64.b64encode(f"{BASIC_USER}:other".encode()).decode()
    async with asking(Behaviour(auth=Auth.BASIC)) as registry:
        bare = await registry.ask(LATEST)
        refused = await registry.ask(LATEST, headers={"authorization": f"Basic {wrong}"})
        opened = await registry.ask(LATEST, headers={"authorization": f"Basic {right}"})

    assert [reply.status for reply in (bare, refused, opened)] == [401, 401, 200]
    assert bare.headers["www-authenticate"] == 'Basic realm="bench"'


async def test_the_quota_counts_only_manifest_gets() -> None:
    async with asking(Behaviour(auth=Auth.NONE, get_quota=2)) as registry:
        for _ in range(5):
            await registry.ask(LATEST, "HEAD")
            await registry.ask(f"/v2/{REPOSITORY}/tags/list")
        await registry.ask(f"/v2/{REPOSITORY}/manifests/nothing")
        answered = [await registry.ask(LATEST) for _ in range(3)]
        head = await registry.ask(LATEST, "HEAD")
        report = await registry.stats()
        await registry.control.reset()
        refilled = await registry.ask(LATEST)

    assert [reply.status for reply in answered] == [200, 200, 429]
    assert [reply.headers["ratelimit-remaining"] for reply in answered] == [
        "1;w=21600",
        "0;w=21600",
        "0;w=21600",
    ]
    assert answered[2].headers["retry-after"] == "21600"
    assert head.status == 200
    assert (report.counted_pulls, report.count(Kind.GET_TAG), report.status(429)) == (2, 4, 1)
    assert refilled.status == 200


async def test_the_rate_limit_allows_a_burst_and_then_a_fixed_rate() -> None:
    clock = Hands()
    async with asking(Behaviour(auth=Auth.NONE, rate=3), now=clock) as registry:
        burst = await _statuses(registry, 5)
        refused = await registry.ask(LATEST, "HEAD")
        clock.moment += int(refused.headers["retry-after"])
        later = await _statuses(registry, 4)

    assert burst == [200, 200, 200, 429, 429]
    assert refused.headers["retry-after"] == "1"
    assert later == [200, 200, 200, 429]


async def test_failures_are_spread_evenly_over_the_requests() -> None:
    async with asking(Behaviour(auth=Auth.NONE, fail_rate=0.25)) as registry:
        assert await _statuses(registry, 8) == [200, 200, 200, 503, 200, 200, 200, 503]


def test_a_new_connection_takes_more_time_than_a_round_trip() -> None:
    steady = Link(latency_ms=20, jitter=0, handshake_rtts=2, seed="a")
    shaky = Link(latency_ms=20, jitter=0.1, handshake_rtts=0, seed="a")
    delays = [shaky.delay(first=False) for _ in range(1_000)]

    assert (steady.delay(first=True), steady.delay(first=False)) == pytest.approx((0.060, 0.020))
    assert 0.018 <= min(delays) < 0.0185
    assert 0.0215 < max(delays) <= 0.022


async def test_every_answer_of_the_registry_is_delayed() -> None:
    behaviour = Behaviour(auth=Auth.NONE, latency=30, jitter=0, handshake_rtts=2)
    async with asking(behaviour) as registry:
        await registry.ask(LATEST, "HEAD")
        fresh = (await registry.stats()).span_ms
        await registry.control.reset()
        await registry.ask(LATEST, "HEAD")
        kept = (await registry.stats()).span_ms

    # A timer may fire early by its resolution. How late it fires depends on the machine.
    assert fresh >= 3 * 30 - 1
    assert kept >= 30 - 1


async def test_delayed_answers_overlap_between_connections() -> None:
    behaviour = Behaviour(auth=Auth.NONE, latency=400, jitter=0, handshake_rtts=0)
    async with asking(behaviour) as registry:
        async with asyncio.TaskGroup() as group:
            for _ in range(8):
                group.create_task(registry.ask(LATEST, "HEAD"))
        report = await registry.stats()

    assert (report.peak_in_flight, report.connections, report.status(200)) == (8, 8, 8)
    assert report.span_ms < 8 * 400


async def _statuses(registry: Asker, times: int) -> list[int]:
    return [(await registry.ask(LATEST, "HEAD")).status for _ in range(times)]
