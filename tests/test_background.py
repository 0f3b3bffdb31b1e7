"""Background work continues after errors, and a wakeup ends its pause."""

import asyncio

from structlog.testing import capture_logs

from dockrev.background import every, running
from dockrev.errors import Unavailable
from dockrev.signals import Wakeup, is_set_within

VERY_LONG = 600.0


async def test_failures_and_crashes_are_logged_and_all_work_continues() -> None:
    calls, enough, other = 0, asyncio.Event(), asyncio.Event()

    async def act() -> None:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise Unavailable("not yet")
        if calls == 2:
            raise ValueError
        enough.set()

    async def act_once() -> None:
        other.set()

    with capture_logs() as logs:
        async with asyncio.timeout(10), running(every("one", 0, act), every("other", VERY_LONG, act_once)):
            await enough.wait()
            await other.wait()
    lines = [(line["action"], line["work"], line.get("cause")) for line in logs]
    assert lines == [("background.failed", "one", "not yet"), ("background.crashed", "one", None)]


async def test_a_wakeup_ends_the_pause_and_one_during_the_action_is_not_lost() -> None:
    wakeup, calls, third = Wakeup(), 0, asyncio.Event()

    async def act() -> None:
        nonlocal calls
        calls += 1
        if calls == 1:
            wakeup.wake()
        if calls == 2:
            asyncio.get_running_loop().call_soon(wakeup.wake)
        if calls == 3:
            third.set()

    async with asyncio.timeout(10), running(every("work", VERY_LONG, act, wakeup)):
        await third.wait()


async def test_the_work_is_cancelled_when_the_block_ends() -> None:
    began, ended = asyncio.Event(), False

    async def hang() -> None:
        nonlocal ended
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended = True

    async with running(every("work", 0, hang)):
        await began.wait()
    assert ended


def test_a_wakeup_sets_the_events_of_all_watchers_until_they_leave() -> None:
    wakeup = Wakeup()
    with wakeup.watch() as first, wakeup.watch() as second:
        wakeup.wake()
        assert first.is_set()
        assert second.is_set()
        first.clear()
        assert second.is_set()
    first.clear()
    wakeup.wake()
    assert not first.is_set()


async def test_waiting_for_an_event_ends_after_its_time_limit() -> None:
    event = asyncio.Event()
    assert not await is_set_within(event, 0.001)
    event.set()
    assert await is_set_within(event, VERY_LONG)
