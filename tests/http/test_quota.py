"""What hosts say about their limits, and what is left for background work."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from dockrev.http.quota import Quota, QuotaTracker, parse_quota, retry_after

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
HOUR = timedelta(hours=1)


def updated(tracker: QuotaTracker, at: datetime, **headers: str) -> Quota | None:
    tracker.update(CIMultiDict({name.replace("_", "-"): value for name, value in headers.items()}), at)
    return tracker.current(at)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, None),
        ({"ratelimit-limit": "100;w=21600"}, None),
        (
            {"ratelimit-limit": "100;w=21600", "ratelimit-remaining": "76;w=21600"},
            Quota(76, 100, 6 * HOUR),
        ),
        (
            {"RateLimit-Limit": "10, 10;w=60", "RateLimit-Remaining": "9"},
            Quota(9, 10, timedelta(minutes=1)),
        ),
        ({"RateLimit-Remaining": "0"}, Quota(0)),
        (
            {"RateLimit-Limit": "500", "RateLimit-Remaining": "499", "RateLimit-Reset": "30"},
            Quota(499, 500, None, NOW + timedelta(seconds=30)),
        ),
        (
            {"X-RateLimit-Limit": "60", "X-RateLimit-Remaining": "5", "X-RateLimit-Reset": "1767326400"},
            Quota(5, 60, None, datetime(2026, 1, 2, 4, 0, tzinfo=UTC)),
        ),
        (
            {"X-RateLimit-Remaining": "5", "X-RateLimit-Reset": "9999999999"},
            Quota(5, None, None, NOW + 24 * HOUR),
        ),
        ({"X-RateLimit-Remaining": "5", "X-RateLimit-Reset": "soon"}, Quota(5)),
        ({"RateLimit-Remaining": "many"}, None),
        ({"RateLimit-Remaining": "-1"}, None),
        ({"RateLimit-Remaining": "9" * 5000}, None),
    ],
)
def test_a_quota_is_read_from_the_headers(headers: dict[str, str], expected: Quota | None) -> None:
    assert parse_quota(CIMultiDict(headers), NOW) == expected


@given(st.text(max_size=30), st.text(max_size=30), st.text(max_size=30))
def test_no_header_breaks_anything(limit: str, remaining: str, reset: str) -> None:
    headers = {"RateLimit-Limit": limit, "RateLimit-Remaining": remaining, "RateLimit-Reset": reset}

    quota = updated(QuotaTracker(), NOW, **headers)

    assert quota is None or quota.remaining >= 0


def test_a_window_ends_its_length_after_it_was_first_seen() -> None:
    tracker = QuotaTracker()
    full = {"RateLimit_Limit": "100;w=21600"}

    first = updated(tracker, NOW, **full, RateLimit_Remaining="90;w=21600")
    later = updated(tracker, NOW + HOUR, **full, RateLimit_Remaining="80;w=21600")
    refilled = updated(tracker, NOW + 2 * HOUR, **full, RateLimit_Remaining="99;w=21600")

    assert [quota.resets_at for quota in (first, later, refilled) if quota] == [
        NOW + 6 * HOUR,
        NOW + 6 * HOUR,
        NOW + 8 * HOUR,
    ]


def test_a_quota_is_forgotten_when_its_window_has_passed() -> None:
    tracker = QuotaTracker()

    updated(tracker, NOW, RateLimit_Remaining="0;w=60")
    assert tracker.current(NOW + timedelta(seconds=59)) == Quota(
        0, None, timedelta(seconds=60), NOW + timedelta(seconds=60)
    )
    assert tracker.current(NOW + timedelta(seconds=60)) is None

    updated(tracker, NOW, RateLimit_Remaining="0")
    assert tracker.current(NOW + HOUR) is None


def test_a_response_without_numbers_changes_nothing() -> None:
    tracker = QuotaTracker()
    quota = updated(tracker, NOW, RateLimit_Remaining="7;w=60")

    assert updated(tracker, NOW, Content_Type="text/html") == quota


@pytest.mark.parametrize(
    ("remaining", "limit", "has_spare"),
    [(100, 100, True), (21, 100, True), (20, 100, False), (0, None, False)],
)
def test_background_work_leaves_a_fifth(remaining: int, limit: int | None, has_spare: bool) -> None:
    assert Quota(remaining, limit).has_spare is has_spare


def headers(**named: str) -> CIMultiDict[str]:
    return CIMultiDict({name.replace("_", "-"): value for name, value in named.items()})


@given(st.text(st.characters(codec="latin-1", exclude_characters="\r\n\0"), max_size=40))
def test_any_retry_after_is_a_wait_or_nothing(value: str) -> None:
    wait = retry_after(headers(Retry_After=value), NOW)

    assert wait is None or wait >= timedelta(0)


@pytest.mark.parametrize(
    ("named", "seconds"),
    [
        ({}, None),
        ({"Retry_After": "0"}, 0),
        ({"Retry_After": "120"}, 120),
        ({"Retry_After": "Fri, 02 Jan 2026 03:05:05 GMT"}, 60),
        ({"Retry_After": "Fri, 02 Jan 2026 03:00:00 GMT"}, 0),
        ({"Retry_After": "9" * 9}, 999_999_999),
        ({"Retry_After": "9" * 5000}, None),
        ({"Retry_After": "Fri, 02 Jan 2026 03:05:05 +99999999999999999999"}, None),
        ({"Retry_After": "soon"}, None),
        ({"Retry_After": "-5"}, None),
        ({"RateLimit_Remaining": "0;w=21600"}, 21600),
        ({"RateLimit_Remaining": "7;w=21600"}, None),
        ({"RateLimit_Remaining": "0"}, None),
        ({"Retry_After": "5", "RateLimit_Remaining": "0;w=21600"}, 5),
    ],
)
def test_how_long_a_refusal_asks_to_wait(named: dict[str, str], seconds: int | None) -> None:
    expected = None if seconds is None else timedelta(seconds=seconds)

    assert retry_after(headers(**named), NOW) == expected
