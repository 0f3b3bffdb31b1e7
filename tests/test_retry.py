"""An action is retried according to its policy."""

import pytest

from dockrev.retry import RetryPolicy, doubling, retry


def retries(*pauses: float, endless: bool = False) -> RetryPolicy:
    return RetryPolicy(pauses, lambda error: isinstance(error, ValueError), endless)


class Flaky:
    """Fails `failures` times, and records its attempts and pauses."""

    def __init__(self, failures: int, error: Exception | None = None) -> None:
        self.failures = failures
        self.error = error or ValueError("no")
        self.attempts = 0
        self.paused: list[float] = []

    async def __call__(self) -> str:
        self.attempts += 1
        if self.attempts <= self.failures:
            raise self.error
        return "done"

    async def pause(self, seconds: float) -> None:
        self.paused.append(seconds)


async def test_a_success_is_returned_at_once() -> None:
    action = Flaky(0)
    assert await retry(retries(1, 2), action, pause=action.pause) == "done"
    assert action.paused == []


async def test_retries_pause_according_to_the_policy_and_return_the_first_success() -> None:
    action = Flaky(2)
    assert await retry(retries(1, 2, 3), action, pause=action.pause) == "done"
    assert action.paused == [1, 2]


async def test_the_error_of_the_last_attempt_is_raised() -> None:
    action = Flaky(9)
    with pytest.raises(ValueError, match="no"):
        await retry(retries(1, 2), action, pause=action.pause)
    assert (action.attempts, action.paused) == (3, [1, 2])


async def test_an_error_that_the_policy_does_not_retry_is_raised_at_once() -> None:
    action = Flaky(9, KeyError("x"))
    with pytest.raises(KeyError):
        await retry(retries(1, 2), action, pause=action.pause)
    assert action.attempts == 1


async def test_an_endless_policy_repeats_its_last_pause() -> None:
    action = Flaky(4)
    assert await retry(retries(1, 2, endless=True), action, pause=action.pause) == "done"
    assert action.paused == [1, 2, 2, 2]


async def test_each_failure_before_a_pause_is_reported_and_the_report_may_stop_the_retries() -> None:
    reported: list[int] = []

    async def report(attempt: int, error: Exception) -> None:
        reported.append(attempt)
        if attempt == 2:
            raise error

    action = Flaky(9)
    with pytest.raises(ValueError, match="no"):
        await retry(retries(1, 1, 1), action, on_failure=report, pause=action.pause)
    assert (reported, action.paused) == ([1, 2], [1])


def test_doubling_pauses_grow_up_to_the_longest() -> None:
    assert doubling(1, 5, 4) == (1, 2, 4, 5)
