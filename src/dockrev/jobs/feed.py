"""Log lines on their way to live readers: one process, no polling."""

from collections import deque
from collections.abc import Sequence

from dockrev.jobs.models import LogRow
from dockrev.signals import Wakeup

_KEPT = 1000


class LogFeed:
    """Keeps the newest lines, so that live readers need no database. `added` wakes at each publication."""

    def __init__(self, kept: int = _KEPT) -> None:
        self._recent: deque[LogRow] = deque(maxlen=kept)
        self.added = Wakeup()

    def publish(self, rows: Sequence[LogRow]) -> None:
        if not rows:
            return
        if self._recent and self._recent[-1].id + 1 != rows[0].id:
            # A writer that was cancelled after its commit did not publish. Only the database has those lines.
            self._recent.clear()
        self._recent.extend(rows)
        self.added.wake()

    def after(self, last_id: int) -> list[LogRow] | None:
        """The lines after `last_id`, or None when older ones than are kept here may be among them."""
        if not self._recent or self._recent[0].id > last_id + 1:
            return None
        return [row for row in self._recent if row.id > last_id]
