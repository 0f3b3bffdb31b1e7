"""Lines on their way to live readers."""

from datetime import UTC, datetime

from dockrev.jobs.feed import LogFeed
from dockrev.jobs.models import Level, LogRow


def line(number: int) -> LogRow:
    return LogRow(number, "job_a", datetime(2026, 1, 1, tzinfo=UTC), Level.INFO, str(number))


def feed_of(*numbers: int, kept: int = 3) -> LogFeed:
    feed = LogFeed(kept)
    for number in numbers:
        feed.publish([line(number)])
    return feed


def test_an_empty_feed_knows_nothing() -> None:
    assert LogFeed().after(0) is None


def test_it_has_the_lines_after_one_it_keeps() -> None:
    feed = feed_of(5, 6, 7)
    assert feed.after(5) == [line(6), line(7)]
    assert feed.after(7) == []
    assert feed.after(99) == []


def test_the_line_right_before_the_oldest_is_near_enough() -> None:
    assert feed_of(5, 6, 7).after(4) == [line(5), line(6), line(7)]


def test_it_admits_when_older_lines_may_be_missing() -> None:
    assert feed_of(5, 6, 7).after(3) is None
    assert feed_of(5, 6, 7, 8).after(4) is None


def test_a_line_that_never_came_by_is_not_skipped_silently() -> None:
    feed = feed_of(5, 7)
    assert feed.after(5) is None
    assert feed.after(6) == [line(7)]


def test_watchers_hear_of_every_change_until_they_leave() -> None:
    feed = LogFeed()
    with feed.added.watch() as one, feed.added.watch() as other:
        feed.publish([])
        assert not one.is_set()
        feed.publish([line(1)])
        assert one.is_set()
        assert other.is_set()
        one.clear()
        assert other.is_set()
    one.clear()
    feed.publish([line(2)])
    assert not one.is_set()
