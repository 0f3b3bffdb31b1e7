"""Everyone who talks to a host shares its rate limit."""

import asyncio
import time
from datetime import timedelta

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from dockrev.http.client import HttpClient, tls_context
from dockrev.http.failure import FailureKind, HttpFailure
from dockrev.http.messages import HttpRequest, HttpResponse
from dockrev.http.rate_limit import METERED_AT_ONCE, HostUsage, RateLimits
from tests.fakes.clock import MovableClock
from tests.fakes.http_server import HttpServer
from tests.http.conftest import TIMEOUTS


def refusal(**headers: str) -> web.Response:
    return web.Response(
        status=429, headers={name.replace("_", "-"): value for name, value in headers.items()}
    )


async def send_all(client: HttpClient, request: HttpRequest, number: int) -> list[HttpFailure]:
    """Sends the request that often at once. Returns the failures."""
    outcomes = await asyncio.gather(*(client.send(request) for _ in range(number)), return_exceptions=True)
    assert all(isinstance(outcome, HttpResponse | HttpFailure) for outcome in outcomes)
    return [outcome for outcome in outcomes if isinstance(outcome, HttpFailure)]


async def test_at_most_seven_requests_run_at_once(client: HttpClient) -> None:
    async with HttpServer() as server:
        server.latency_seconds = 0.01
        assert await send_all(client, HttpRequest("GET", server.url), 30) == []

    assert (server.peak, len(server.requests)) == (7, 30)


async def test_only_two_metered_requests_run_at_once(client: HttpClient) -> None:
    async with HttpServer() as server:
        await client.send(HttpRequest("GET", server.url))
        server.latency_seconds = 0.01
        assert await send_all(client, HttpRequest("GET", server.url, metered=True), 10) == []

    assert server.peak == METERED_AT_ONCE


async def test_clients_with_the_same_limits_share_a_cool_down(
    client: HttpClient, limits: RateLimits, clock: MovableClock
) -> None:
    async with HttpServer(refusal(Retry_After="600")) as server:
        request = HttpRequest("GET", server.url)
        with capture_logs() as logs:
            (first,) = await send_all(client, request, 1)
        async with HttpClient.open(limits, tls_context(None), TIMEOUTS) as other:
            (second,) = await send_all(other, request, 1)

        until = clock.now() + timedelta(seconds=600)
        for failed in (first, second):
            assert (failed.kind, failed.retry_at) == (FailureKind.RATE_LIMITED, until)
        assert limits.usage() == [HostUsage(server.host, None, None, None, until, 1)]
        assert [entry["action"] for entry in logs] == ["http.cool_down"]
        assert len(server.requests) == 1

        server.answer = web.Response()
        clock.advance(601)
        assert await send_all(client, request, 3) == []


@pytest.mark.parametrize(
    ("status", "headers", "refused"),
    [
        (429, {}, True),
        (403, {"Retry-After": "90"}, True),
        (403, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1767326400"}, True),
        (403, {"X-RateLimit-Remaining": "7", "X-RateLimit-Reset": "1767326400"}, False),
        (403, {"RateLimit-Remaining": "0;w=21600"}, False),
        (403, {}, False),
    ],
)
async def test_a_403_that_names_a_wait_is_a_refusal(
    client: HttpClient, status: int, headers: dict[str, str], refused: bool
) -> None:
    async with HttpServer(web.Response(status=status, headers=headers)) as server:
        failed = await send_all(client, HttpRequest("GET", server.url), 1)

    assert [failure.kind for failure in failed] == [FailureKind.RATE_LIMITED] * refused


async def test_services_of_a_host_have_limits_of_their_own_and_one_usage(
    client: HttpClient, limits: RateLimits, clock: MovableClock
) -> None:
    quota = {"RateLimit-Limit": "100", "RateLimit-Remaining": "7"}
    async with HttpServer(web.Response(headers=quota)) as server:
        await client.send(HttpRequest("GET", server.url))
        server.answer = refusal(Retry_After="60")
        await send_all(client, HttpRequest("GET", server.url, service="tokens"), 1)
        server.answer = web.Response()
        await client.send(HttpRequest("GET", server.url))

        (usage,) = limits.usage()

    until = clock.now() + timedelta(seconds=60)
    assert (usage.remaining, usage.limit, usage.cool_down_until, usage.requests_24h) == (7, 100, until, 3)


async def test_a_host_may_have_another_name_than_its_url(client: HttpClient, limits: RateLimits) -> None:
    async with HttpServer(refusal(Retry_After="60")) as server:
        (failed,) = await send_all(client, HttpRequest("GET", server.url, host_name="docker.io"), 1)
        assert failed.host == "docker.io"
        assert [usage.host for usage in limits.usage()] == ["docker.io"]


async def test_a_short_wait_that_the_host_asks_for_is_waited(client: HttpClient) -> None:
    answers = [refusal(Retry_After="1"), web.Response()]

    async def answer(_: web.Request) -> web.Response:
        return answers.pop(0)

    async with HttpServer(answer) as server:
        began = time.monotonic()
        assert (await client.send(HttpRequest("GET", server.url))).status == 200

    assert time.monotonic() - began >= 1


async def test_a_first_server_error_is_retried(client: HttpClient) -> None:
    async with HttpServer(web.Response(status=502)) as server:
        assert (await client.send(HttpRequest("GET", server.url))).status == 502

    assert len(server.requests) == 2


async def test_a_host_that_gives_no_answer_twice_is_left_alone_for_a_while(
    client: HttpClient, limits: RateLimits, clock: MovableClock
) -> None:
    async with HttpServer() as server:
        server.down = True
        failed = await send_all(client, HttpRequest("GET", server.url), 20)

        assert {failure.kind for failure in failed} == {FailureKind.UNREACHABLE}
        assert (len(failed), limits.usage()[0].requests_24h) == (20, 2)
        assert not limits.of(server.host).has_spare_quota

        server.down = False
        assert len(await send_all(client, HttpRequest("GET", server.url), 1)) == 1
        clock.advance(31)
        assert await send_all(client, HttpRequest("GET", server.url), 20) == []


async def test_a_request_that_does_not_speak_for_its_host_does_not_make_it_dead(
    client: HttpClient, limits: RateLimits
) -> None:
    async with HttpServer() as server:
        server.down = True
        assert len(await send_all(client, HttpRequest("GET", server.url, speaks_for_host=False), 5)) == 5
        server.down = False

        assert limits.of(server.host).has_spare_quota
        assert (await client.send(HttpRequest("GET", server.url))).status == 200


@pytest.mark.parametrize(("remaining", "has_spare"), [("21", True), ("20", False)])
async def test_background_work_leaves_a_fifth_of_the_quota(
    client: HttpClient, limits: RateLimits, remaining: str, has_spare: bool
) -> None:
    headers = {"X-RateLimit-Limit": "100", "X-RateLimit-Remaining": remaining}
    async with HttpServer(web.Response(headers=headers)) as server:
        await client.send(HttpRequest("GET", server.url))

        assert limits.of(server.host).has_spare_quota is has_spare


async def test_a_later_refusal_does_not_shorten_a_cool_down(
    client: HttpClient, limits: RateLimits, clock: MovableClock
) -> None:
    both_sent = asyncio.Barrier(2)

    async def refuse(request: web.Request) -> web.Response:
        if request.path == "/first":
            return web.Response()
        await both_sent.wait()
        return refusal(Retry_After=request.path[1:])

    async with HttpServer(refuse) as server:
        await client.send(HttpRequest("GET", f"{server.url}/first"))
        sent = (client.send(HttpRequest("GET", f"{server.url}/{seconds}")) for seconds in (60, 600))
        await asyncio.gather(*sent, return_exceptions=True)

        assert limits.of(server.host).cool_down_until() == clock.now() + timedelta(seconds=600)
