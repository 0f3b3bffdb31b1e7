"""The live events of an engine's containers (Engine API, "SystemEvents")."""

import json
from collections.abc import AsyncIterable, AsyncIterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from dockrev.docker import labels as compose_labels
from dockrev.docker.labels import named, parse_labels

MAX_EVENT_LENGTH = 8 * 1024 * 1024


class EventAction(StrEnum):
    CREATE = "create"
    START = "start"
    DIE = "die"
    DESTROY = "destroy"
    STOP = "stop"
    PAUSE = "pause"
    UNPAUSE = "unpause"
    RENAME = "rename"
    HEALTH_STATUS = "health_status"


FILTERS: Mapping[str, list[str]] = {
    "type": ["container"],
    "event": list(EventAction),
    "label": [compose_labels.PROJECT],
}


@dataclass(frozen=True, slots=True)
class ContainerEvent:
    action: EventAction
    project: str | None


def parse_event(message: Any) -> ContainerEvent | None:
    """None for an event of another kind. Raises ValueError, TypeError or KeyError when it is not an event."""
    action = str(message["Action"]).partition(":")[0]
    if message["Type"] != "container" or action not in set(EventAction):
        return None
    labels = parse_labels(message["Actor"].get("Attributes"))
    return ContainerEvent(EventAction(action), named(labels, compose_labels.PROJECT))


async def parse_stream(chunks: AsyncIterable[bytes]) -> AsyncIterator[ContainerEvent]:
    """Reads one JSON object per line. A line can be long: each event holds all labels of its container."""
    pending = b""
    async for chunk in chunks:
        *lines, pending = (pending + chunk).split(b"\n")
        if len(pending) > MAX_EVENT_LENGTH:
            raise ValueError("an event without end")
        for line in filter(None, map(bytes.strip, lines)):
            event = parse_event(json.loads(line.decode("utf-8", "replace")))
            if event is not None:
                yield event
