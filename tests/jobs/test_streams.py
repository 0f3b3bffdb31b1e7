"""Streams of job lines: first the stored lines, then the live ones."""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager

import orjson
import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from dockrev.db.database import Database
from dockrev.jobs.feed import LogFeed
from dockrev.jobs.models import Job, Level, LogRow
from dockrev.jobs.store import JobStore
from dockrev.jobs.streams import JobStreams
from dockrev.jobs.tables import job_logs
from dockrev.web.server_event import ServerEvent
from tests.fakes.clock import MovableClock
from tests.jobs.building import Jobs, an_event, failure, new_job, progress, success

Events = AsyncGenerator[ServerEvent, None]


@pytest.fixture
def streams(jobs: Jobs) -> JobStreams:
    return JobStreams(jobs.store, jobs.feed)


async def next_of(events: Events) -> ServerEvent:
    async with asyncio.timeout(5):
        return await anext(events)


async def rest_of(events: Events) -> list[ServerEvent]:
    async with asyncio.timeout(5):
        return [event async for event in events]


def data(event: ServerEvent) -> dict[str, object]:
    document = orjson.loads(event.data)
    assert isinstance(document, dict)
    return document


async def silent(events: Events) -> asyncio.Task[ServerEvent]:
    """Starts to wait for the next event, and asserts that there is none yet."""
    waiting = asyncio.create_task(next_of(events))
    done, _ = await asyncio.wait([waiting], timeout=0.05)
    assert not done
    return waiting


async def a_job_with_a_history(jobs: Jobs) -> str:
    job_id = await jobs.start()
    await jobs.store.add_log(job_id, Level.INFO, "check started")
    await jobs.store.add_log(job_id, Level.WARN, "slow")
    await jobs.store.set_progress(job_id, progress("scanning"))
    return job_id


@contextmanager
def counted_reads() -> Iterator[list[str]]:
    """Records the queries to all databases of this process."""
    queries: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if statement.startswith("SELECT"):
            queries.append(statement)

    sa.event.listen(sa.Engine, "before_cursor_execute", note)
    try:
        yield queries
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", note)


async def test_a_finished_jobs_stream_is_its_whole_history_and_ends(jobs: Jobs, streams: JobStreams) -> None:
    job_id = await a_job_with_a_history(jobs)
    await jobs.store.finish(job_id, success())
    events = await rest_of(streams.one_job(job_id, 0))
    assert [event.event for event in events] == ["job_log", "job_log", "job_progress", "job_finished"]
    assert [event.id for event in events] == [row.id for row in await jobs.logs(job_id)]
    assert data(events[1]) == {
        "type": "job_log",
        "jobId": job_id,
        "ts": "2026-01-02T03:04:05.000000Z",
        "level": "warn",
        "msg": "slow",
    }
    assert data(events[3])["status"] == "success"


async def test_a_stored_event_is_sent_as_it_was_stored(jobs: Jobs, streams: JobStreams) -> None:
    job_id = await jobs.start()
    await jobs.store.add_event(job_id, an_event("service_seen", name="wéb"))
    await jobs.store.finish(job_id, success())
    event, _ = await rest_of(streams.one_job(job_id, 0))
    stored, _ = await jobs.logs(job_id)
    assert (event.event, event.data, event.id) == ("service_seen", stored.message, stored.id)


@pytest.mark.parametrize("damaged", ["not json", "[1]"])
async def test_an_event_that_is_no_json_object_does_not_end_a_stream(
    jobs: Jobs, streams: JobStreams, database: Database, damaged: str
) -> None:
    job_id = await jobs.start()
    await jobs.store.add_event(job_id, an_event("service_seen"))
    async with database.write() as connection:
        await connection.execute(sa.update(job_logs).values(message=damaged))
    await jobs.store.finish(job_id, success())

    event, finished = await rest_of(streams.one_job(job_id, 0))
    assert (event.event, event.data, finished.event) == ("event", damaged, "job_finished")

    everything = streams.every_job(0)
    assert data(await next_of(everything)) == {
        "jobId": job_id,
        "ts": "2026-01-02T03:04:05.000000Z",
        "type": "job_event",
        "raw": damaged,
    }
    await everything.aclose()


async def test_a_stream_resumes_after_the_last_seen_line(jobs: Jobs, streams: JobStreams) -> None:
    job_id = await a_job_with_a_history(jobs)
    await jobs.store.finish(job_id, success())
    seen = (await jobs.logs(job_id))[1].id
    assert [event.event for event in await rest_of(streams.one_job(job_id, seen))] == [
        "job_progress",
        "job_finished",
    ]


@pytest.mark.parametrize("beyond", [0, 1000])
async def test_a_stream_resumed_after_the_end_repeats_the_end_event(
    jobs: Jobs, streams: JobStreams, beyond: int
) -> None:
    job_id = await jobs.start()
    await jobs.store.finish(job_id, failure())
    last = await jobs.store.last_log_id()
    (event,) = await rest_of(streams.one_job(job_id, last + beyond))
    assert (event.event, event.id) == ("job_finished", None)
    assert data(event) == {
        "type": "job_finished",
        "jobId": job_id,
        "ts": "2026-01-02T03:04:05.000000Z",
        "status": "failed",
    }


async def test_a_running_job_is_followed_to_its_end(jobs: Jobs, streams: JobStreams) -> None:
    job_id = await jobs.start()
    events = streams.one_job(job_id, 0)
    waiting = await silent(events)
    await jobs.store.add_log(job_id, Level.INFO, "live")
    assert data(await waiting)["msg"] == "live"
    waiting = await silent(events)
    await jobs.store.finish(job_id, success())
    assert (await waiting).event == "job_finished"
    assert await rest_of(events) == []


async def test_another_jobs_lines_are_not_in_the_stream(jobs: Jobs, streams: JobStreams) -> None:
    own, other = await jobs.start(), await jobs.start()
    events = streams.one_job(own, 0)
    waiting = await silent(events)
    await jobs.store.add_log(other, Level.INFO, "other")
    await jobs.store.add_log(own, Level.INFO, "one")
    assert data(await waiting)["msg"] == "one"
    await events.aclose()


async def test_a_history_longer_than_the_feed_comes_from_the_database_without_a_gap(
    database: Database, clock: MovableClock
) -> None:
    feed = LogFeed(kept=3)
    store = JobStore(database, feed, clock)
    new = new_job()
    await store.start(new, None)
    for number in range(450):
        await store.add_log(new.id, Level.INFO, str(number))
    await store.finish(new.id, success())
    events = await rest_of(JobStreams(store, feed).one_job(new.id, 0))
    assert [data(event)["msg"] for event in events[:-1]] == [str(number) for number in range(450)]


async def test_a_stream_of_all_jobs_has_events_only(jobs: Jobs, streams: JobStreams) -> None:
    job_id = await a_job_with_a_history(jobs)
    events = streams.every_job(await jobs.store.last_log_id())
    waiting = await silent(events)
    await jobs.store.add_log(job_id, Level.INFO, "only a line")
    await jobs.store.add_event(job_id, an_event("service_seen", name="web"))
    event = await waiting
    assert (event.event, event.id) == ("job_event", await jobs.store.last_log_id())
    assert data(event) == {
        "type": "service_seen",
        "jobId": job_id,
        "ts": "2026-01-02T03:04:05.000000Z",
        "name": "web",
    }
    await jobs.store.finish(job_id, success())
    assert data(await next_of(events))["type"] == "job_finished"
    await events.aclose()


async def test_a_stream_of_all_jobs_can_be_resumed(jobs: Jobs, streams: JobStreams) -> None:
    job_id = await a_job_with_a_history(jobs)
    first = (await jobs.logs(job_id))[0].id
    events = streams.every_job(first)
    assert data(await next_of(events))["type"] == "job_progress"
    await events.aclose()


async def test_many_readers_get_the_same_events(jobs: Jobs, streams: JobStreams) -> None:
    job_id = await jobs.start()
    readers = [asyncio.create_task(rest_of(streams.one_job(job_id, 0))) for _ in range(20)]
    for number in range(30):
        await jobs.store.add_log(job_id, Level.INFO, str(number))
    await jobs.store.finish(job_id, success())
    heard = await asyncio.gather(*readers)
    assert len(heard[0]) == 31
    assert all(events == heard[0] for events in heard)


async def test_many_readers_cause_no_queries_while_the_job_runs(jobs: Jobs, streams: JobStreams) -> None:
    job_id, other = await jobs.start(), await jobs.start()
    await jobs.store.add_log(job_id, Level.INFO, "first")
    readers = [streams.one_job(job_id, 0) for _ in range(200)]
    for reader in readers:
        await next_of(reader)
    rests = [asyncio.create_task(rest_of(reader)) for reader in readers]
    await asyncio.sleep(0)
    with counted_reads() as queries:
        for number in range(20):
            await jobs.store.add_log(job_id, Level.INFO, str(number))
            await jobs.store.add_log(other, Level.INFO, str(number))
        await jobs.store.finish(job_id, success())
        heard = await asyncio.gather(*rests)
    assert len(queries) <= 2, "what the end of a job reads itself"
    assert [event.event for event in heard[0]] == ["job_log"] * 20 + ["job_finished"]
    assert all(events == heard[0] for events in heard)


async def test_a_line_missing_in_the_feed_is_read_from_the_database(
    jobs: Jobs, streams: JobStreams, database: Database
) -> None:
    job_id = await jobs.start()
    own, every = streams.one_job(job_id, 0), streams.every_job(0)
    await jobs.store.add_event(job_id, an_event("first"))
    for stream in (own, every):
        await next_of(stream)
    silent_store = JobStore(database, LogFeed(), MovableClock())
    await silent_store.add_event(job_id, an_event("not published"))
    await jobs.store.add_event(job_id, an_event("third"))
    for stream in (own, every):
        assert [data(await next_of(stream))["type"] for _ in range(2)] == ["not published", "third"]
        await stream.aclose()


async def test_a_stream_resumed_at_a_future_id_ends_with_the_job(jobs: Jobs, streams: JobStreams) -> None:
    job_id = await jobs.start()
    waiting = asyncio.create_task(rest_of(streams.one_job(job_id, 1000)))
    await asyncio.sleep(0.05)
    await jobs.store.finish(job_id, success())
    (event,) = await waiting
    assert (event.event, event.id, data(event)["status"]) == ("job_finished", None, "success")


async def nothing(_connection: AsyncConnection, _job: Job) -> None:
    pass


async def test_a_live_reader_gets_the_annotations_that_come_in_time(jobs: Jobs) -> None:
    jobs.store.on_finished(nothing, annotates=True)
    streams = JobStreams(jobs.store, jobs.feed, annotation_seconds=0.5)
    job_id = await jobs.start()
    events = streams.one_job(job_id, 0)
    waiting = await silent(events)
    await jobs.store.finish(job_id, success())
    assert (await waiting).event == "job_finished"
    waiting = await silent(events)
    await jobs.store.annotate(job_id, "notify: telegram=ok")
    assert data(await waiting)["msg"] == "notify: telegram=ok"
    assert await rest_of(events) == []

    events_again = await rest_of(streams.one_job(job_id, 0))
    assert [event.event for event in events_again] == ["job_finished", "job_log"]
    (event,) = await rest_of(streams.one_job(job_id, (await jobs.logs(job_id))[-1].id))
    assert event.event == "job_finished"


async def test_a_stream_does_not_wait_for_annotations_that_cannot_come(jobs: Jobs) -> None:
    jobs.store.on_finished(nothing)
    streams = JobStreams(jobs.store, jobs.feed, annotation_seconds=600)
    job_id = await jobs.start()
    reading = asyncio.create_task(rest_of(streams.one_job(job_id, 0)))
    await asyncio.sleep(0.05)
    await jobs.store.finish(job_id, success())
    assert [event.event for event in await reading] == ["job_finished"]


async def test_a_deleted_job_ends_its_stream_with_an_error(jobs: Jobs, streams: JobStreams) -> None:
    (event,) = await rest_of(streams.one_job("job_x", 0))
    assert (event.event, event.id) == ("job_events_error", None)
    assert data(event) == {"type": "job_events_error", "error": "job not found", "jobId": "job_x"}


async def test_a_failing_database_ends_the_streams_with_an_error(
    jobs: Jobs, streams: JobStreams, database: Database, clock: MovableClock
) -> None:
    job_id = await jobs.start()
    await jobs.store.add_log(job_id, Level.INFO, "seen")
    own, every = streams.one_job(job_id, 0), streams.every_job(1)
    await next_of(own)
    waiting = [await silent(own), await silent(every)]
    async with database.write() as connection:
        await connection.exec_driver_sql("DROP TABLE job_logs")
        await connection.exec_driver_sql("ALTER TABLE jobs RENAME TO lost")
    jobs.feed.publish([LogRow(50, job_id, 50, clock.now(), Level.EVENT, "{}")])
    for task, stream in zip(waiting, (own, every), strict=True):
        event = await task
        assert event.event == "job_events_error"
        assert "no such table" in str(data(event)["error"])
        assert await rest_of(stream) == []
