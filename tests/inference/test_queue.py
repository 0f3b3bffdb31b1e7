"""The queue: its order, its limits, and restarts."""

import asyncio
import sqlite3
from contextlib import closing
from datetime import timedelta

import orjson
import pytest

from dockrev.db.database import Database
from dockrev.errors import StorageError
from dockrev.inference.events import EventBuffer
from dockrev.inference.queue import TaskQueue
from dockrev.versions.models import InferenceReason, InferenceTask, Lookup, TaskStatus
from dockrev.versions.observe import Observation
from dockrev.versions.store import VersionStore
from dockrev.versions.tasks import TaskStore
from tests.fakes.clock import MovableClock
from tests.inference.building import key, need

FORCE, WARMUP, MISS = (
    InferenceReason.FORCE,
    InferenceReason.STARTUP_WARMUP,
    InferenceReason.CACHE_MISS,
)


async def queue_of(database: Database, clock: MovableClock, capacity: int = 2_000) -> TaskQueue:
    queue = TaskQueue(TaskStore(database), EventBuffer(clock), clock, capacity)
    await queue.load()
    return queue


@pytest.fixture
async def queue(database: Database, clock: MovableClock) -> TaskQueue:
    return await queue_of(database, clock)


def own(name: str, reason: InferenceReason = MISS) -> Lookup:
    """A lookup in its own repository, so that it does not wait for another one."""
    return need(name, reason, f"ghcr.io/acme/{name}")


async def end(queue: TaskQueue, database: Database, task: InferenceTask) -> bool:
    async def record() -> None:
        await VersionStore(database).learn(Observation(task.key.repository), done=task.key)

    return await queue.finish(task, record)


async def test_the_oldest_of_the_most_urgent_tasks_comes_first(queue: TaskQueue, clock: MovableClock) -> None:
    for name, reason in (
        ("a", WARMUP),
        ("b", InferenceReason.NEW_VERSION),
        ("c", MISS),
        ("d", InferenceReason.API_SNAPSHOT_READ_MISS),
        ("e", FORCE),
    ):
        await queue.enqueue([own(name, reason)])
        clock.advance(1)
    order = [(await queue.next()).key.repository[-1] for _ in range(5)]
    assert order == ["e", "c", "d", "b", "a"]


async def test_a_digest_is_enqueued_once(queue: TaskQueue) -> None:
    assert await queue.enqueue([own("a"), own("a")]) == {own("a").key}
    assert await queue.enqueue([own("a", WARMUP)]) == set()
    assert len(queue.tasks) == 1


async def test_a_lookup_for_a_page_overtakes_those_of_the_start(
    queue: TaskQueue, clock: MovableClock
) -> None:
    for name in ("a", "b", "c"):
        await queue.enqueue([own(name, WARMUP)])
        clock.advance(1)
    await queue.enqueue([own("d", InferenceReason.NEW_VERSION)])
    assert await queue.enqueue([own("c", MISS), own("b", InferenceReason.NEW_VERSION)]) == set()
    started = [await queue.next() for _ in range(4)]
    assert [task.key.repository[-1] for task in started] == ["c", "b", "d", "a"]
    assert started[0].reason is WARMUP, "whoever reads the task is told why it was made"


async def test_an_order_of_the_operator_upgrades_the_waiting_task(
    database: Database, clock: MovableClock
) -> None:
    events = EventBuffer(clock)
    queue = TaskQueue(TaskStore(database), events, clock)
    await queue.enqueue([own("a", WARMUP)])
    assert await queue.enqueue([own("a", FORCE)]) == set()
    assert queue.tasks[0].reason is FORCE
    last = orjson.loads(events.kept[-1].data)
    assert (last["type"], last["fromReason"], last["reason"]) == (
        "task_reason_upgraded",
        "startup_warmup",
        "force",
    )


async def test_tasks_survive_a_restart_and_running_ones_wait_again(
    queue: TaskQueue, database: Database, clock: MovableClock
) -> None:
    await queue.enqueue([own("a"), own("b", WARMUP)])
    running = await queue.next()
    again = await queue_of(database, clock)
    assert {(task.key, task.status) for task in again.tasks} == {
        (own("a").key, TaskStatus.QUEUED),
        (own("b").key, TaskStatus.QUEUED),
    }
    assert (await again.next()).key == running.key


async def test_a_finished_task_does_not_come_back(
    queue: TaskQueue, database: Database, clock: MovableClock
) -> None:
    await queue.enqueue([own("a")])
    assert await end(queue, database, await queue.next())
    assert queue.tasks == ()
    assert (await queue_of(database, clock)).tasks == ()


async def test_a_task_does_not_end_when_the_operator_orders_its_lookup_meanwhile(
    queue: TaskQueue, database: Database
) -> None:
    await queue.enqueue([own("a")])
    task = await queue.next()
    await queue.enqueue([own("a", FORCE)])
    assert not await end(queue, database, task)
    upgraded = queue.get(task.key)
    assert upgraded is not None
    assert (upgraded.reason, upgraded.status) == (FORCE, TaskStatus.RUNNING)
    assert await end(queue, database, upgraded)


async def test_a_full_queue_drops_the_least_urgent_tasks(database: Database, clock: MovableClock) -> None:
    queue = await queue_of(database, clock, capacity=3)
    await queue.enqueue([own("a", WARMUP), own("b"), own("c")])
    assert await queue.enqueue([own("d")]) == {own("d").key}
    assert {task.key for task in queue.tasks} == {own("b").key, own("c").key, own("d").key}
    assert queue.dropped == 1
    assert await queue.enqueue([own("e", WARMUP)]) == set()
    assert queue.dropped == 2
    assert {task.key for task in (await queue_of(database, clock)).tasks} == {
        task.key for task in queue.tasks
    }


async def test_a_running_task_is_not_dropped(database: Database, clock: MovableClock) -> None:
    queue = await queue_of(database, clock, capacity=1)
    await queue.enqueue([own("a", WARMUP)])
    running = await queue.next()
    await queue.enqueue([own("b", FORCE)])
    assert [task.key for task in queue.tasks] == [running.key]


async def test_a_repository_has_one_running_task_at_most(queue: TaskQueue, database: Database) -> None:
    await queue.enqueue([need("1.4.0"), need("1.4.1", WARMUP)])
    first = await queue.next()
    waiting = asyncio.ensure_future(queue.next())
    await asyncio.sleep(0)
    assert not waiting.done()
    await end(queue, database, first)
    async with asyncio.timeout(5):
        assert (await waiting).key == key("1.4.1")


async def test_a_deferred_task_waits_for_its_time_also_after_a_restart(
    queue: TaskQueue, database: Database, clock: MovableClock
) -> None:
    await queue.enqueue([own("a")])
    task = await queue.next()
    assert await queue.defer(task, clock.now() + timedelta(seconds=60))
    assert queue.idle
    again = await queue_of(database, clock)
    assert again.idle
    clock.advance(60)
    assert not again.idle
    started = await again.next()
    assert (started.key, started.attempts, started.not_before) == (task.key, 2, None)


async def test_a_task_that_the_operator_orders_meanwhile_is_not_deferred(
    queue: TaskQueue, clock: MovableClock
) -> None:
    await queue.enqueue([own("a")])
    task = await queue.next()
    await queue.enqueue([own("a", FORCE)])
    assert not await queue.defer(task, clock.now() + timedelta(hours=1))


async def test_an_order_of_the_operator_ends_the_deferral(queue: TaskQueue, clock: MovableClock) -> None:
    await queue.enqueue([own("a")])
    await queue.defer(await queue.next(), clock.now() + timedelta(hours=1))
    await queue.enqueue([own("a", FORCE)])
    async with asyncio.timeout(5):
        assert (await queue.next()).reason is FORCE


async def test_requests_that_cannot_be_stored_wait_for_the_next_try(
    queue: TaskQueue, database: Database
) -> None:
    queue.request([own("a"), own("b"), own("a")])
    with closing(sqlite3.connect(database.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StorageError):
            await queue.enqueue_requested()
        assert not queue.tasks
    await queue.enqueue_requested()
    assert [task.key for task in queue.tasks] == [own("a").key, own("b").key]


async def test_no_more_requests_are_kept_than_the_queue_has_room_for(
    database: Database, clock: MovableClock
) -> None:
    queue = await queue_of(database, clock, capacity=2)
    for name in ("a", "b", "c"):
        queue.request([own(name)])
    await queue.enqueue_requested()
    assert [task.key for task in queue.tasks] == [own("b").key, own("c").key]


async def test_a_lookup_serves_every_service_that_asked_for_it_also_after_a_restart(
    database: Database, clock: MovableClock
) -> None:
    before = await queue_of(database, clock)
    await before.enqueue([Lookup(key(), MISS, ("latest",), ("1.4.0",), runs=True)])
    await before.enqueue([Lookup(key(), WARMUP, ("1.4",)), Lookup(key(), MISS, ("latest",))])
    both = Lookup(key(), MISS, ("latest", "1.4"), ("1.4.0",))
    assert [task.lookup for task in before.tasks] == [both]
    assert [task.lookup for task in (await queue_of(database, clock)).tasks] == [both]


def test_a_lookup_names_the_repository_of_its_digest() -> None:
    for repository in ("docker.io/library/nginx", "myhost/app", "localhost:5000/a/b"):
        assert Lookup(key("x", repository), MISS).ref.repository == repository
