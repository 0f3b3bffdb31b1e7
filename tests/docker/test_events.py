import json
from collections.abc import AsyncIterator

import pytest

from dockrev.docker.events import MAX_EVENT_LENGTH, ContainerEvent, EventAction, parse_event, parse_stream


def message(action: str, kind: str = "container") -> dict[str, object]:
    attributes = {"com.docker.compose.project": "blog", "com.docker.compose.service": "web"}
    return {
        "Type": kind,
        "Action": action,
        "Actor": {"ID": "c1", "Attributes": attributes},
        "time": 1_700_000_000,
    }


async def in_chunks(content: bytes, size: int) -> AsyncIterator[bytes]:
    for start in range(0, len(content), size):
        yield content[start : start + size]


@pytest.mark.parametrize("action", EventAction)
def test_every_event_that_changes_a_container_is_parsed(action: EventAction) -> None:
    assert parse_event(message(action)) == ContainerEvent(action, "blog")


def test_a_health_event_is_parsed_for_every_health() -> None:
    event = parse_event(message("health_status: unhealthy"))

    assert event == ContainerEvent(EventAction.HEALTH_STATUS, "blog")


@pytest.mark.parametrize(
    "other", [message("exec_start: sh"), message("attach"), message("create", "network")]
)
def test_events_of_other_kinds_are_ignored(other: dict[str, object]) -> None:
    assert parse_event(other) is None


@pytest.mark.parametrize("size", [1, 7, 10_000])
async def test_events_are_parsed_for_every_chunk_size(size: int) -> None:
    lines = [json.dumps(message(action)) for action in ("create", "attach", "start")]
    content = "\r\n".join([*lines, ""]).encode()

    actions = [event.action async for event in parse_stream(in_chunks(content, size))]

    assert actions == ["create", "start"]


async def test_an_event_may_be_larger_than_a_read_buffer() -> None:
    large = message("start")
    labels = {"big": "x" * 1_000_000, "com.docker.compose.project": "blog"}
    large["Actor"] = {"ID": "c1", "Attributes": labels}
    content = json.dumps(large).encode() + b"\n"

    events = [event async for event in parse_stream(in_chunks(content, 65536))]

    assert [event.project for event in events] == ["blog"]


async def test_an_endless_event_is_refused() -> None:
    with pytest.raises(ValueError, match="without end"):
        await anext(parse_stream(in_chunks(b"x" * (MAX_EVENT_LENGTH + 1), 1 << 20)))
