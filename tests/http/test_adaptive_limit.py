"""An adaptive limit admits seven requests, one after a refusal, and grows back while requests succeed."""

import asyncio

from dockrev.http.adaptive_limit import SUCCESSES_TO_GROW, AdaptiveLimit


async def most_running(limit: AdaptiveLimit, requests: int) -> int:
    """How many of `requests` that start together ran at once."""
    running, most = 0, 0

    async def request() -> None:
        nonlocal running, most
        async with limit:
            running += 1
            most = max(most, running)
            await asyncio.sleep(0)
            running -= 1

    async with asyncio.TaskGroup() as group:
        for _ in range(requests):
            group.create_task(request())
    return most


async def test_no_more_requests_run_than_the_limit_allows() -> None:
    assert await most_running(AdaptiveLimit(7), 30) == 7


async def test_after_a_refusal_one_request_runs_at_a_time() -> None:
    limit = AdaptiveLimit(7)
    async with limit, limit, limit:
        limit.shrink()
    await most_running(limit, 7)

    assert await most_running(limit, 30) == 1


async def test_successes_grow_the_limit_to_its_maximum_and_no_further() -> None:
    limit = AdaptiveLimit(7)
    limit.shrink()
    await most_running(limit, 10)
    limits = []
    for _ in range(SUCCESSES_TO_GROW * 30):
        limit.succeeded()
        limits.append(await most_running(limit, 30))

    assert limits[0] == 1
    assert limits == sorted(limits)
    assert limits[-1] == 7


async def test_a_second_refusal_shrinks_it_again() -> None:
    limit = AdaptiveLimit(3)
    for _ in range(2):
        limit.shrink()
        for _ in range(SUCCESSES_TO_GROW * 3):
            limit.succeeded()
    limit.shrink()
    await most_running(limit, 3)

    assert await most_running(limit, 9) == 1


async def test_a_cancelled_request_takes_no_place() -> None:
    limit = AdaptiveLimit(1)
    async with limit:
        waiting = asyncio.ensure_future(most_running(limit, 1))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)

    assert await most_running(limit, 2) == 1


async def test_while_probing_one_request_runs_and_the_others_wait_for_its_outcome() -> None:
    limit = AdaptiveLimit(7)
    limit.probe()
    assert await most_running(limit, 9) == 1

    limit.succeeded()
    assert await most_running(limit, 9) == 7


async def test_probing_does_not_grow_a_limit_that_a_refusal_shrank() -> None:
    limit = AdaptiveLimit(7)
    limit.shrink()
    limit.probe()
    limit.succeeded()

    assert await most_running(limit, 9) == 1


async def test_a_request_learns_whether_it_runs_alone() -> None:
    limit = AdaptiveLimit(2)
    async with limit as among_others:
        limit.shrink()
    async with limit as alone:
        pass

    assert (among_others, alone) == (False, True)


async def test_a_refusal_counts_at_once_for_requests_that_wait() -> None:
    limit = AdaptiveLimit(7)
    async with limit:
        limit.shrink()

    assert await most_running(limit, 9) == 1


async def test_a_place_that_a_cancelled_request_got_goes_to_the_next() -> None:
    limit = AdaptiveLimit(1)
    async with limit:
        waiting = asyncio.ensure_future(most_running(limit, 1))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    waiting.cancel()  # it has its place already, but did not run yet
    await asyncio.gather(waiting, return_exceptions=True)

    async with asyncio.timeout(1):
        assert await most_running(limit, 3) == 1
