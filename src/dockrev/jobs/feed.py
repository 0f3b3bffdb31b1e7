"""Log lines on their way to live readers: one process, no polling."""

import asyncio
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from dockrev.jobs.models import LogRow

_KEPT = 1000


class LogFeed:
    """Wakes its watchers when lines are added, and keeps the newest so that they need no database."""

    def __init__(self, kept: int = _KEPT) -> None:
        self._recent: deque[LogRow] = deque(maxlen=kept)
        self._watchers: set[asyncio.Event] = set()

    def publish(self, rows: Sequence[LogRow]) -> None:
        if not rows:
            return
        if self._recent and self._recent[-1].id + 1 != rows[0].id:
            # Lines committed while their writer was cancelled never came by: only the database has them.
            self._recent.clear()
        self._recent.extend(rows)
        for watcher in self._watchers:
            watcher.set()

    @contextmanager
    def watch(self) -> Iterator[asyncio.Event]:
        """The event is set at each change; the watcher clears it before it looks."""
        changed = asyncio.Event()
        self._watchers.add(changed)
        try:
            yield changed
        finally:
            self._watchers.discard(changed)

    def after(self, last_id: int) -> list[LogRow] | None:
        """The lines after `last_id`, or None when older ones than are kept here may be among them."""
        if not self._recent or self._recent[0].id > last_id + 1:
            return None
        return [row for row in self._recent if row.id > last_id]
