"""Timestamps and identifiers."""

import re
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dockrev.clock import SystemClock, parse_timestamp, timestamp
from dockrev.ids import IdPrefix, new_id

MOMENTS = st.datetimes(min_value=datetime(1000, 1, 2), timezones=st.timezones())  # noqa: DTZ001 -- hypothesis adds the zone


def test_the_system_clock_is_in_utc() -> None:
    assert SystemClock().now().tzinfo is UTC


def test_a_timestamp_has_six_fractional_digits_and_a_z() -> None:
    assert timestamp(datetime(2026, 3, 20, 8, 15, 30, tzinfo=UTC)) == "2026-03-20T08:15:30.000000Z"


def test_a_timestamp_is_written_in_utc() -> None:
    berlin = timezone(timedelta(hours=2))
    assert timestamp(datetime(2026, 3, 20, 8, tzinfo=berlin)) == "2026-03-20T06:00:00.000000Z"


@given(MOMENTS)
def test_a_timestamp_is_read_back_as_the_same_time(moment: datetime) -> None:
    assert parse_timestamp(timestamp(moment)) == moment.astimezone(UTC)


@given(MOMENTS, MOMENTS)
def test_timestamps_sort_by_time(left: datetime, right: datetime) -> None:
    assert (timestamp(left) < timestamp(right)) == (left.astimezone(UTC) < right.astimezone(UTC))


@pytest.mark.parametrize(
    "text", ["2026-03-20T08:15:30Z", "2026-03-20T10:15:30+02:00", "2026-03-20 08:15:30.0Z"]
)
def test_any_rfc_3339_time_can_be_read(text: str) -> None:
    assert parse_timestamp(text) == datetime(2026, 3, 20, 8, 15, 30, tzinfo=UTC)


@pytest.mark.parametrize("prefix", IdPrefix)
def test_an_id_is_a_prefix_and_a_ulid(prefix: IdPrefix) -> None:
    assert re.fullmatch(rf"{prefix}_[0-9A-HJKMNP-TV-Z]{{26}}", new_id(prefix))


def test_ids_are_all_different() -> None:
    assert len({new_id(IdPrefix.JOB) for _ in range(1000)}) == 1000
