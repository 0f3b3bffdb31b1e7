"""The dispatcher runs jobs as tasks of this process, each at most once at a time."""

import asyncio

import pytest
from structlog.testing import capture_logs

from dockrev.jobs.dispatcher import Dispatcher


class Bodies:
    """Bodies that run until they are cancelled or released."""

    def __init__(self) -> None:
        self.began: list[str] = []
        self.cancelled: list[str] = []
        self.release = asyncio.Event()
        self.saw_cancel = asyncio.Event()
        self.dispatcher = Dispatcher(self._body)

    async def _body(self, job_id: str, cancelled: asyncio.Event) -> None:
        self.began.append(job_id)
        waits = [asyncio.create_task(event.wait()) for event in (cancelled, self.release)]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        if cancelled.is_set():
            self.cancelled.append(job_id)
            self.saw_cancel.set()


@pytest.fixture
def bodies() -> Bodies:
    return Bodies()


async def test_a_running_job_is_not_started_twice_and_may_run_again_after_its_end(bodies: Bodies) -> None:
    await bodies.dispatcher.submit("a")
    await bodies.dispatcher.resume_unfinished(["a", "b"])
    bodies.release.set()
    await bodies.dispatcher.stop()
    assert bodies.began == ["a", "b"]

    await bodies.dispatcher.submit("a")
    await bodies.dispatcher.stop()
    assert bodies.began == ["a", "b", "a"]


async def test_a_cancel_reaches_only_the_body_of_that_job(bodies: Bodies) -> None:
    await bodies.dispatcher.submit("a")
    await bodies.dispatcher.submit("b")
    await bodies.dispatcher.cancel("a")
    await bodies.dispatcher.cancel("unknown")
    async with asyncio.timeout(5):
        await bodies.saw_cancel.wait()
    bodies.release.set()
    await bodies.dispatcher.stop()
    assert bodies.cancelled == ["a"]


async def test_a_cancel_before_the_body_starts_reaches_it(bodies: Bodies) -> None:
    await bodies.dispatcher.submit("a")
    await bodies.dispatcher.cancel("a")
    async with asyncio.timeout(5):
        await bodies.dispatcher.stop()
    assert bodies.cancelled == ["a"]


async def test_a_crash_of_a_body_is_logged_and_does_not_stop_the_others() -> None:
    async def crash(_job_id: str, _cancelled: asyncio.Event) -> None:
        raise ValueError

    dispatcher = Dispatcher(crash)
    with capture_logs() as logs:
        await dispatcher.submit("a")
        await dispatcher.submit("b")
        await dispatcher.stop()
    assert [(line["action"], line["job_id"]) for line in logs] == [
        ("job.execution_crashed", "a"),
        ("job.execution_crashed", "b"),
    ]
