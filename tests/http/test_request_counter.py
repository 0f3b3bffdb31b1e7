"""Requests are counted by the hour. A store can keep the counts across restarts."""

from datetime import UTC, datetime, timedelta

from dockrev.http.request_counter import HourlyRequests, RequestCounter

NOON = datetime(2026, 1, 2, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def saved(counter: RequestCounter) -> list[HourlyRequests]:
    """What a store writes."""
    counts = counter.unsaved()
    counter.mark_saved(counts)
    return counts


def test_a_day_is_this_hour_and_the_23_before() -> None:
    counter = RequestCounter()
    counter.add("a", NOON)
    counter.add("a", NOON + timedelta(minutes=59))
    counter.add("b", NOON + HOUR)

    assert counter.last_24h(NOON + HOUR) == {"a": 2, "b": 1}
    assert counter.last_24h(NOON + 23 * HOUR + timedelta(minutes=59)) == {"a": 2, "b": 1}
    assert counter.last_24h(NOON + 24 * HOUR) == {"b": 1}
    assert counter.last_24h(NOON + 25 * HOUR) == {}


def test_restored_counts_are_added_to_new_ones() -> None:
    counter = RequestCounter()
    counter.add("a", NOON + timedelta(minutes=30))
    counter.restore([HourlyRequests("a", NOON, 3)])
    counter.add("a", NOON + HOUR)

    assert counter.last_24h(NOON + HOUR) == {"a": 5}
    assert counter.unsaved() == [HourlyRequests("a", NOON, 4), HourlyRequests("a", NOON + HOUR, 1)]


def test_only_changed_counts_are_unsaved() -> None:
    counter = RequestCounter()
    counter.add("a", NOON)
    saved(counter)

    assert counter.unsaved() == []
    counter.add("b", NOON)
    assert counter.unsaved() == [HourlyRequests("b", NOON, 1)]


def test_a_count_that_grows_during_a_save_stays_unsaved() -> None:
    counter = RequestCounter()
    counter.add("a", NOON)
    counts = counter.unsaved()
    counter.add("a", NOON)
    counter.mark_saved(counts)

    assert counter.unsaved() == [HourlyRequests("a", NOON, 2)]


def test_the_counter_forgets_counts_of_the_day_before() -> None:
    counter = RequestCounter()
    counter.add("a", NOON)
    counter.add("a", NOON + 24 * HOUR)

    assert counter.unsaved() == [HourlyRequests("a", NOON + 24 * HOUR, 1)]
