"""The feed passes log lines to live readers."""

from datetime import UTC, datetime

from dockrev.jobs.feed import LogFeed
from dockrev.jobs.models import Level, LogRow


def line(number: int, job_id: str = "job_a") -> LogRow:
    return LogRow(number, job_id, number, datetime(2026, 1, 1, tzinfo=UTC), Level.INFO, str(number))


async def test_every_reader_gets_the_lines_of_its_job_or_of_all_jobs_in_order() -> None:
    feed = LogFeed()
    with feed.subscribe("job_a") as first, feed.subscribe("job_a") as other, feed.subscribe() as every:
        feed.publish([line(1), line(2, "job_b")])
        feed.publish([line(3)])
        assert await first.next() == [line(1), line(3)]
        assert await other.next() == [line(1), line(3)]
        assert await every.next() == [line(1), line(2, "job_b"), line(3)]


async def test_a_reader_waits_for_lines_until_its_timeout() -> None:
    feed = LogFeed()
    with feed.subscribe("job_a") as reader:
        feed.publish([])
        feed.publish([line(1, "job_b")])
        assert await reader.next(0.001) == []
        feed.publish([line(2)])
        assert await reader.next(5) == [line(2)]
        assert await reader.next(0.001) == []


async def test_a_slow_reader_keeps_only_the_newest_lines() -> None:
    feed = LogFeed(kept=2)
    with feed.subscribe("job_a") as reader:
        for number in range(1, 5):
            feed.publish([line(number)])
        assert await reader.next() == [line(3), line(4)]


async def test_a_reader_that_unsubscribed_gets_nothing() -> None:
    feed = LogFeed()
    with feed.subscribe("job_a") as reader:
        pass
    feed.publish([line(1)])
    assert await reader.next(0.001) == []
