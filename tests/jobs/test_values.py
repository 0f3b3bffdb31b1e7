"""Targets, progress and cursors."""

from base64 import urlsafe_b64encode

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dockrev.errors import InvalidArgument, InvalidJobsCursor
from dockrev.jobs.cursor import decode_cursor, encode_cursor
from dockrev.jobs.models import Cursor, JobProgress, JobStatus, JobTarget, Scope
from dockrev.jobs.targets import require_target
from tests.jobs.building import Jobs


@pytest.mark.parametrize(
    ("scope", "stack_id", "service_id", "target"),
    [
        (Scope.ALL, None, None, JobTarget(Scope.ALL)),
        (Scope.STACK, " stk_a ", None, JobTarget(Scope.STACK, "stk_a")),
        (Scope.SERVICE, None, "svc_a", JobTarget(Scope.SERVICE, None, "svc_a")),
        (Scope.SERVICE, " ", "svc_a", JobTarget(Scope.SERVICE, None, "svc_a")),
    ],
)
def test_a_scope_with_its_ids_is_a_target(
    scope: Scope, stack_id: str | None, service_id: str | None, target: JobTarget
) -> None:
    assert require_target(scope, stack_id, service_id) == target


@pytest.mark.parametrize(("scope", "field"), [(Scope.STACK, "stackId"), (Scope.SERVICE, "serviceId")])
@pytest.mark.parametrize("blank", [None, "", "  "])
def test_a_scope_without_its_id_is_refused(scope: Scope, field: str, blank: str | None) -> None:
    with pytest.raises(InvalidArgument, match=f"{field} is required for scope={scope.value}") as raised:
        require_target(scope, blank, blank)
    assert raised.value.details == {"field": field}


@pytest.mark.parametrize(
    ("current", "total", "percent"), [(0, 0, 0), (0, 3, 0), (1, 3, 33), (2, 3, 66), (3, 3, 100)]
)
def test_percent_is_rounded_down_and_zero_when_nothing_is_known(
    current: int, total: int, percent: int
) -> None:
    assert JobProgress("scanning", "x", current, total).percent == percent
    assert JobProgress("scanning", "x", 0, total, planned_current=current).planned_percent == percent


def test_without_a_plan_there_is_no_planned_percent() -> None:
    assert JobProgress("scanning", "x", 1, 2).planned_percent is None


def test_only_queued_and_running_are_unfinished() -> None:
    assert {status for status in JobStatus if not status.terminal} == {JobStatus.QUEUED, JobStatus.RUNNING}


async def test_a_cursor_decodes_to_its_job(jobs: Jobs) -> None:
    job = await jobs.finished()
    text = encode_cursor(job)
    assert decode_cursor(text) == Cursor(job.created_at, job.id)
    assert text.isascii()
    assert not set(text) & set("=+/")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"[]",
        b"5",
        b'"x"',
        b"not json",
        b'{"createdAt": "yesterday", "id": "job_a"}',
        b'{"createdAt": 5, "id": "job_a"}',
        b'{"createdAt": null, "id": "job_a"}',
        b'{"createdAt": "2026-01-01T00:00:00Z"}',
        b'{"createdAt": "0001-01-01T00:00:00+23:59", "id": "job_a"}',
    ],
)
def test_a_foreign_cursor_is_refused(content: bytes) -> None:
    with pytest.raises(InvalidJobsCursor):
        decode_cursor(urlsafe_b64encode(content).decode().rstrip("="))


@pytest.mark.parametrize("text", ["x", "%%%", "äöü", "\x00", "A" * 10_001])
def test_text_that_is_not_base64_is_refused(text: str) -> None:
    with pytest.raises(InvalidJobsCursor):
        decode_cursor(text)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text() | st.datetimes().map(str),
    lambda inner: st.lists(inner, max_size=2),
    max_leaves=3,
)


@given(JSON, JSON)
def test_any_cursor_content_is_decoded_or_refused(created_at: object, job_id: object) -> None:
    document = orjson.dumps({"createdAt": created_at, "id": job_id})
    try:
        cursor = decode_cursor(urlsafe_b64encode(document).decode())
    except InvalidJobsCursor:
        return
    assert cursor.created_at.utcoffset() is not None
    assert isinstance(created_at, str)
