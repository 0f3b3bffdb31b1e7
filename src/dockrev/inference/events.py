"""The events of version inference. They are kept in memory, and numbered from 1 in each process."""

from collections import deque
from collections.abc import AsyncGenerator, Sequence

import orjson

from dockrev.clock import Clock, timestamp
from dockrev.inference.documents import InferenceEvent, ResyncRequired
from dockrev.signals import Wakeup
from dockrev.web.server_event import ServerEvent

_KEPT = 2000
_NAME = "version_inference_event"


class EventBuffer:
    """Wakes its readers at each event. A reader that missed events gets `resync_required`."""

    def __init__(self, clock: Clock, kept: int = _KEPT) -> None:
        self._clock = clock
        self._events: deque[ServerEvent] = deque(maxlen=kept)
        self._added = Wakeup()
        self.latest = 0

    @property
    def kept(self) -> Sequence[ServerEvent]:
        """The newest events, in order."""
        return tuple(self._events)

    def publish(self, event: InferenceEvent) -> None:
        self.latest += 1
        document = {"type": event.type, "ts": timestamp(self._clock.now())} | event.document()
        self._events.append(ServerEvent(_NAME, orjson.dumps(document).decode(), self.latest))
        self._added.wake()

    async def after(self, last_id: int) -> AsyncGenerator[ServerEvent, None]:
        """Yields every event after `last_id`, without end.

        If `last_id` is from an earlier process, it waits until this process has reached that id.
        """
        with self._added.watch() as changed:
            while True:
                changed.clear()
                if self._missed(last_id):
                    last_id = self._resync(last_id)
                for event in [each for each in self._events if (each.id or 0) > last_id]:
                    last_id = event.id or last_id
                    yield event
                await changed.wait()

    def _missed(self, last_id: int) -> bool:
        return bool(self._events) and last_id < (self._events[0].id or 0) - 1

    def _resync(self, last_id: int) -> int:
        """Publishes `resync_required`. Returns the id after which the reader continues."""
        before = self.latest
        oldest = self._events[0].id or 0
        self.publish(
            ResyncRequired(requested_after_id=last_id, oldest_available_id=oldest, latest_event_id=before)
        )
        return before
