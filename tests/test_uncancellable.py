import asyncio

import pytest

from dockrev.uncancellable import uncancellable


async def test_a_cancellation_waits_until_the_work_is_done() -> None:
    begun, may_end, done = asyncio.Event(), asyncio.Event(), []

    async def work() -> None:
        begun.set()
        await may_end.wait()
        done.append(True)

    async with asyncio.TaskGroup() as group:
        task = group.create_task(uncancellable(work()))
        await begun.wait()
        for _ in range(3):
            task.cancel()
            await asyncio.sleep(0)
        assert not task.done()
        may_end.set()

    assert task.cancelled()
    assert done == [True]


async def test_the_result_or_the_error_of_the_work_is_passed_on() -> None:
    async def succeed() -> int:
        return 7

    async def fail() -> None:
        raise ZeroDivisionError

    assert await uncancellable(succeed()) == 7
    with pytest.raises(ZeroDivisionError):
        await uncancellable(fail())
