"""The event buffer: ids, resuming, and readers that fall behind."""

import asyncio
from contextlib import aclosing

import orjson

from dockrev.inference.documents import InferenceEvent, TaskEnqueued
from dockrev.inference.events import EventBuffer
from tests.fakes.clock import MovableClock
from tests.inference.building import need


async def read(ring: EventBuffer, after: int, count: int) -> list[tuple[int | None, str]]:
    """Returns the next events as (id, type)."""
    events_read: list[tuple[int | None, str]] = []
    async with asyncio.timeout(5), aclosing(ring.after(after)) as events:
        async for event in events:
            assert event.event == "version_inference_event"
            events_read.append((event.id, orjson.loads(event.data)["type"]))
            if len(events_read) == count:
                break
    return events_read


def ring_of(count: int, kept: int = 2_000) -> EventBuffer:
    ring = EventBuffer(MovableClock(), kept)
    for number in range(1, count + 1):
        ring.publish(InferenceEvent(type=f"event {number}"))
    return ring


async def test_events_are_numbered_from_one() -> None:
    assert await read(ring_of(2), 0, 2) == [(1, "event 1"), (2, "event 2")]


async def test_a_reader_continues_after_the_id_that_it_names() -> None:
    assert await read(ring_of(5), 3, 2) == [(4, "event 4"), (5, "event 5")]


async def test_a_reader_at_the_oldest_kept_event_needs_no_resync() -> None:
    assert await read(ring_of(5, kept=3), 2, 3) == [(3, "event 3"), (4, "event 4"), (5, "event 5")]


async def test_a_reader_that_missed_events_gets_resync_required() -> None:
    ring = ring_of(5, kept=3)
    assert await read(ring, 1, 1) == [(6, "resync_required")]
    document = orjson.loads(ring.kept[-1].data)
    assert {name: document[name] for name in document if name != "ts"} == {
        "type": "resync_required",
        "requestedAfterId": 1,
        "oldestAvailableId": 3,
        "latestEventId": 5,
        "reason": "buffer_overflow",
    }


async def test_every_reader_sees_the_resync_event_of_one_reader() -> None:
    ring = ring_of(5, kept=3)
    await read(ring, 1, 1)
    assert await read(ring, 5, 1) == [(6, "resync_required")]


async def test_a_reader_that_falls_behind_while_it_reads_gets_resync_required() -> None:
    ring = ring_of(1, kept=3)
    async with asyncio.timeout(5), aclosing(ring.after(0)) as events:
        assert (await anext(events)).id == 1
        for number in range(2, 9):
            ring.publish(InferenceEvent(type=f"event {number}"))
        event = await anext(events)
    assert orjson.loads(event.data)["type"] == "resync_required"
    assert event.id == 9


async def test_a_reader_with_the_id_of_an_earlier_process_waits_for_that_number() -> None:
    ring = ring_of(2)
    async with asyncio.timeout(5), aclosing(ring.after(3)) as events:
        waiting = asyncio.ensure_future(anext(events))
        await asyncio.sleep(0)
        ring.publish(InferenceEvent(type="event 3"))
        await asyncio.sleep(0)
        assert not waiting.done()
        ring.publish(InferenceEvent(type="event 4"))
        assert (await waiting).id == 4


async def test_the_events_of_a_task_name_it() -> None:
    ring, lookup = EventBuffer(MovableClock()), need("1.4.0")
    ring.publish(TaskEnqueued.about(lookup.key, lookup.reason))
    document = orjson.loads(ring.kept[0].data)
    assert document == {
        "type": "task_enqueued",
        "ts": "2026-01-02T03:04:05.000000Z",
        "key": str(lookup.key),
        "imageRepo": "ghcr.io/acme/web",
        "digest": lookup.key.digest,
        "hostPlatform": "linux/amd64",
        "reason": "cache_miss",
    }
