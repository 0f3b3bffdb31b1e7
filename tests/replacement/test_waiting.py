import asyncio
from collections.abc import Awaitable, Callable

import pytest

from dockrev.errors import Conflict, DockerError
from dockrev.replacement.waiting import is_temporary, or_cancelled, retry_and_tell
from dockrev.retry import RetryPolicy

THREE = RetryPolicy((0.001, 0.002), is_temporary)


def failing(times: int, *, permanent: bool = False) -> Callable[[], Awaitable[int]]:
    """Fails this many times, then returns the number of the attempt."""
    attempts = 0

    async def attempt() -> int:
        nonlocal attempts
        attempts += 1
        if attempts <= times:
            raise DockerError(f"failure {attempts}", permanent=permanent)
        return attempts

    return attempt


class Lines(list[str]):
    async def take(self, line: str) -> None:
        self.append(line)


async def test_a_failed_attempt_is_reported_and_retried() -> None:
    lines = Lines()
    assert await retry_and_tell(THREE, failing(2), lines.take) == 3
    assert lines == ["attempt 1 of 3 failed: failure 1", "attempt 2 of 3 failed: failure 2"]


async def test_the_last_failure_is_raised() -> None:
    with pytest.raises(DockerError, match="failure 3"):
        await retry_and_tell(THREE, failing(3), Lines().take)


async def test_a_permanent_failure_is_not_retried() -> None:
    with pytest.raises(DockerError, match="failure 1"):
        await retry_and_tell(THREE, failing(1, permanent=True), Lines().take)


async def test_a_policy_without_pauses_makes_one_attempt() -> None:
    once = RetryPolicy((), is_temporary)
    with pytest.raises(DockerError, match="failure 1"):
        await retry_and_tell(once, failing(1), Lines().take)


async def test_work_that_is_not_cancelled_returns_its_result() -> None:
    assert await or_cancelled(asyncio.Event(), failing(0)()) == 1


async def test_the_error_of_the_work_is_raised() -> None:
    with pytest.raises(DockerError):
        await or_cancelled(asyncio.Event(), failing(1)())


async def test_cancelled_work_has_ended_before_the_error_is_raised() -> None:
    cancelled, ended = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        try:
            cancelled.set()
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ended.set()

    with pytest.raises(Conflict, match="cancelled"):
        await or_cancelled(cancelled, work())
    assert ended.is_set()


async def test_the_work_ends_when_its_caller_is_cancelled() -> None:
    began, ended = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    caller = asyncio.ensure_future(or_cancelled(asyncio.Event(), work()))
    await began.wait()
    caller.cancel()
    await asyncio.gather(caller, return_exceptions=True)
    assert (caller.cancelled(), ended.is_set()) == (True, True)
